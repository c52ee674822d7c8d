"""Logistic regression of each step of a sequence on its neighbors' values."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data
from mlzoo.data.specs import IGNORED

_REACH, _MOST_STEPS = 5, 50_000


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the linear model; None where the training steps are all of one class."""
    train = data.train
    labels = np.concatenate([train.target(i) for i in range(len(train))])
    known = labels != IGNORED
    features = np.concatenate([_neighbors(train.image(i)) for i in range(len(train))])
    features, labels = features[known], labels[known]
    note = f"logistic regression on each step and {_REACH} before and after it"
    if len(labels) > _MOST_STEPS:
        rng = np.random.default_rng([seed, 0x57E9])
        chosen = rng.choice(len(labels), _MOST_STEPS, replace=False)
        features, labels = features[chosen], labels[chosen]
        note += f", fitted on {_MOST_STEPS} steps"
    if len(np.unique(labels)) < 2:
        return None
    return Baseline(_logistic(features, labels), note)


def _logistic(features: np.ndarray, labels: np.ndarray) -> Callable[..., np.ndarray]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100, tol=1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    return lambda sequence: model.predict(_neighbors(sequence)).astype(np.uint8)


def _neighbors(sequence: np.ndarray) -> np.ndarray:
    """Append to each step the values of its neighbors; the ends are repeated."""
    padded = np.pad(sequence, ((_REACH, _REACH), (0, 0)), mode="edge").astype("float64")
    count = len(sequence)
    return np.concatenate([padded[k : k + count] for k in range(2 * _REACH + 1)], axis=1)
