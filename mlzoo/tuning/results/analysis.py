"""Effects of the dimensions on the score, from a random forest of the trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core.spaces import Dimension, Space
from mlzoo.tuning.trials.trial import TrialResult

_LEAST = 8
_TREES = 64
_POINTS = 25
_SAMPLES = 200


@dataclass(frozen=True)
class Effect:
    """Effect of one dimension on the score.

    Attributes:
        name: of the dimension.
        importance: share of the forest's variance due to it alone, 0 to 1, mean over trees.
        error: standard deviation of the importance over the trees.
        values: (points,) values of the dimension.
        scores: (points,) partial dependence: the mean score predicted there.
        spread: (points,) its standard deviation over the trees.
    """

    name: str
    importance: float
    error: float
    values: list[Any]
    scores: list[float]
    spread: list[float]


def effects(space: Space, trials: Sequence[TrialResult]) -> list[Effect]:
    """Return the effect of every dimension, the most important first; none below 8 trials.

    Functional ANOVA on a random forest: Hutter, Hoos and Leyton-Brown, "An Efficient Approach for
    Assessing Hyperparameter Importance" (2014); marginals are means over 200 points of the space
    instead of exact ones. Partial dependence: Friedman (2001).
    """
    from sklearn.ensemble import RandomForestRegressor

    done = [trial for trial in trials if trial.state == "done"]
    if len(done) < _LEAST or not len(space):
        return []
    x = np.array([space.units(trial.values) for trial in done])
    y = np.array([trial.mean for trial in done], dtype=float)
    forest = RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=0, n_jobs=1).fit(x, y)
    base = np.array(
        [space.units(space.at(u)) for u in np.random.default_rng(0).random((_SAMPLES, len(space)))]
    )
    trees = [tree.predict for tree in forest.estimators_]
    whole = np.array([predict(base.astype("float32")).var() for predict in trees])
    all_effects = [
        _effect(place, d, base, trees, whole) for place, d in enumerate(space.dimensions)
    ]
    return sorted(all_effects, key=lambda effect: -effect.importance)


def _effect(
    place: int, dimension: Dimension, base: np.ndarray, trees: list[Any], whole: np.ndarray
) -> Effect:
    size = dimension.size
    if size is not None and size <= _POINTS:
        values = dimension.levels(_POINTS)
    else:
        values = list(
            dict.fromkeys(dimension.at(float(unit)) for unit in np.linspace(0, 1, _POINTS))
        )
    repeated = np.repeat(base[None], len(values), axis=0)
    repeated[:, :, place] = np.array([dimension.unit(value) for value in values])[:, None]
    rows = repeated.reshape(-1, base.shape[1]).astype("float32")
    curves = np.array([predict(rows).reshape(len(values), -1).mean(axis=1) for predict in trees])
    split = whole > 1e-15
    shares = np.minimum(curves[split].var(axis=1) / whole[split], 1.0)
    return Effect(
        dimension.name,
        float(shares.mean()) if len(shares) else 0.0,
        float(shares.std()) if len(shares) else 0.0,
        values,
        curves.mean(axis=0).tolist(),
        curves.std(axis=0).tolist(),
    )
