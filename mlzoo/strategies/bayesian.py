"""Bayesian optimization: a surrogate of the score says where trying is worth most.

By scikit-optimize's ask and tell. Jones, Schonlau and Welch, "Efficient Global Optimization of
Expensive Black-Box Functions" (1998); forests as surrogates: Hutter, Hoos and Leyton-Brown,
"Sequential Model-Based Optimization" (2011); several at once by the constant liar: Ginsbourger,
Le Riche and Carraro (2010). Differences: each proposal is made by a fresh optimizer that is told
the whole history, so that it depends on seed and history alone; failed trials are told as the
worst score, and none as far worse than all others; what was tried is never proposed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.spaces import Proposal, Space, Trial, Values, worst

if TYPE_CHECKING:
    import numpy as np

AHEAD = 1
_FINITE = 4000
_FEW = 60
_STEPS = 15
_NEAR = 0.15


class Config(Settings):
    """Settings of bayesian."""

    surrogate: Literal["gp", "forest", "extra_trees"] = "gp"
    """gp: a Gaussian process; forest and extra_trees: faster, for hundreds of trials."""
    acquisition: Literal["EI", "PI", "LCB", "hedge"] = "EI"
    """What is worth most: expected improvement, its probability, a lower confidence bound, or one
    of them by chance, the likelier the better its choice looks."""
    initial: int = Field(8, ge=1)
    """Trials of a Sobol sequence before the surrogate is asked."""
    candidates: int = Field(2000, ge=10, le=100_000)
    """Points that the acquisition is computed at."""
    kappa: float = Field(1.96, ge=0)
    """Standard deviations below the mean of a lower confidence bound."""
    xi: float = Field(0.01, ge=0)
    """Improvement that EI and PI ask for, in standard deviations of the scores."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """The most promising points that no trial has had."""
    told = list(history)
    found: list[Proposal] = []
    for _ in range(count):
        values = _next(config, space, told, seed)
        if values is None:
            break
        found.append(Proposal(values))
        told.append(Trial(len(told), values))
    return found


def _next(config: Config, space: Space, told: list[Trial], seed: int) -> Values | None:
    tried = {space.key(trial.values) for trial in told}
    number = int.from_bytes(hashlib.sha256(f"{seed}:{len(told)}".encode()).digest()[:4], "big")
    done = [trial for trial in told if trial.state != "running"]
    if len(told) < config.initial or not any(trial.loss is not None for trial in done):
        return _unseen(space, tried, _sobol(space, len(told), seed), number)
    import numpy as np

    random = np.random.default_rng(number)
    points = _points(config, space, tried, told, random)
    if not points:
        return None
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Matrices this small are slower on several threads, and their bits would depend on how many.
    with threadpool_limits(1):
        optimizer = _optimizer(config, space, number, len(told))
        optimizer.tell([_row(space, trial.values) for trial in told], _losses(told))
        return points[_most_worth(config, optimizer, space, told, points, random)]


def _sobol(space: Space, start: int, seed: int) -> Any:
    """Points of the unit cube from place `start` of a scrambled Sobol sequence on."""
    import numpy as np
    from scipy.stats import qmc

    points = qmc.Sobol(len(space), seed=np.random.default_rng(seed)).random(256)
    return [points[(start + place) % len(points)] for place in range(len(points))]


def _unseen(space: Space, tried: set[str], points: Any, number: int) -> Values | None:
    """The first candidate among points that was not tried; else any that is left."""
    for point in points:
        values = space.at(point)
        if space.key(values) not in tried:
            return values
    left = _rest(space, tried) if space.size is not None else []
    return left[number % len(left)] if left else None


def _rest(space: Space, tried: set[str]) -> list[Values]:
    return [values for values in space.grid() if space.key(values) not in tried]


def _points(
    config: Config,
    space: Space,
    tried: set[str],
    told: list[Trial],
    random: np.random.Generator,
) -> list[Values]:
    """Candidates that were not tried: all of a small space, else points at random and nearby."""
    import numpy as np

    if space.size is not None and space.size <= _FINITE:
        return _rest(space, tried)
    far = random.random((config.candidates, len(space)))
    good = sorted((t for t in told if t.loss is not None), key=lambda t: (t.loss, t.number))[:3]
    near = [
        np.clip(np.array(space.units(t.values)) + scale * random.normal(size=len(space)), 0, 1)
        for t in good
        for scale in (0.02, 0.1)
        for _ in range(config.candidates // 20)
    ]
    found: dict[str, Values] = {}
    for point in [*far, *near]:
        values = space.at(point)
        found.setdefault(space.key(values), values)
    return [values for key, values in found.items() if key not in tried]


def _row(space: Space, values: Values) -> list[Any]:
    """A candidate for skopt: a number's place in [0, 1], a choice as text; a constant if absent."""
    row: list[Any] = []
    for dimension in space.dimensions:
        if dimension.kind == "choice":
            present = dimension.name in values
            place = dimension.choices.index(values[dimension.name]) if present else 0
            row.append(str(place))
        else:
            active = dimension.name in values
            row.append(dimension.unit(values[dimension.name]) if active else 0.5)
    return row


def _losses(told: list[Trial]) -> list[float]:
    """Losses to tell: failures as the worst, running trials as the best (the constant liar)."""
    import numpy as np

    known = np.array([trial.loss for trial in told if trial.loss is not None])
    # One divergence of 1e9 must not make all others look alike.
    low, middle = np.quantile(known, [0.0, 0.5])
    most = middle + 3 * max(middle - low, 1e-12)
    bad, good = min(worst(told), most), float(low)
    lies = {"running": good, "failed": float(bad)}
    return [
        float(min(trial.loss, most)) if trial.loss is not None else lies[trial.state]
        for trial in told
    ]


def _optimizer(config: Config, space: Space, number: int, count: int) -> Any:
    """A fresh skopt optimizer with nothing told."""
    from skopt import Optimizer
    from skopt.learning import ExtraTreesRegressor, RandomForestRegressor
    from skopt.space import Categorical, Real
    from skopt.utils import cook_estimator, normalize_dimensions

    state = number % 2**31
    dimensions: list[Any] = [
        Categorical([str(place) for place in range(len(d.choices))])
        if d.kind == "choice"
        else Real(0.0, 1.0)
        for d in space.dimensions
    ]
    trees = {"n_estimators": 100, "min_samples_leaf": 2, "random_state": state, "n_jobs": 1}
    if config.surrogate == "gp":
        surrogate = cook_estimator(
            "GP",
            space=normalize_dimensions(dimensions),
            random_state=state,
            noise="gaussian",
            n_restarts_optimizer=2 if count < _FEW else 0,
            optimizer=_maximise,
        )
    elif config.surrogate == "forest":
        surrogate = RandomForestRegressor(**trees)
    else:
        surrogate = ExtraTreesRegressor(**trees)
    return Optimizer(
        dimensions,
        base_estimator=surrogate,
        n_initial_points=0,
        acq_func="EI",
        acq_optimizer="sampling",
        acq_optimizer_kwargs={"n_points": 10},  # the points are ours: none was tried
        random_state=state,
    )


def _maximise(objective: Any, start: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, float]:
    """The kernel's numbers by a few steps of L-BFGS, which come close enough."""
    from scipy.optimize import minimize

    found = minimize(
        objective, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": _STEPS}
    )
    return found.x, float(found.fun)


def _soundness(space: Space, told: list[Trial], points: list[Values]) -> np.ndarray:
    """How likely each point succeeds, as the trials near it did; 1 where none has failed.

    Gelbart, Snoek and Adams, "Bayesian Optimization with Unknown Constraints" (2014), weigh an
    acquisition so; here the likelihood is a kernel's mean of successes.
    """
    import numpy as np

    done = [trial for trial in told if trial.state != "running"]
    failed = np.array([trial.state == "failed" for trial in done])
    if not failed.any():
        return np.ones(len(points))
    x = np.array([space.units(values) for values in points])
    known = np.array([space.units(trial.values) for trial in done])
    apart = ((x[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    near = np.exp(-apart / (2 * _NEAR**2))
    sound = (0.5 * (~failed).mean() + near @ ~failed) / (0.5 + near.sum(axis=1))
    # Where failing is the likelier outcome nothing is tried as long as there is anything else.
    return np.where(sound >= 0.5, sound, 0.01 * sound)


def _most_worth(
    config: Config,
    optimizer: Any,
    space: Space,
    told: list[Trial],
    points: list[Values],
    random: np.random.Generator,
) -> int:
    """The place of the point with the greatest acquisition."""
    import numpy as np
    from skopt.acquisition import gaussian_ei, gaussian_lcb, gaussian_pi

    model, losses = optimizer.models[-1], np.array(optimizer.yi)
    rows = optimizer.space.transform([_row(space, values) for values in points])
    best, ask = losses.min(), config.xi * (losses.std() or 1.0)
    sound = _soundness(space, told, points)

    def weighed(worth: np.ndarray) -> np.ndarray:
        return (worth - worth.min()) * sound

    worth = {
        "EI": lambda: weighed(gaussian_ei(rows, model, best, ask)),
        "PI": lambda: weighed(gaussian_pi(rows, model, best, ask)),
        "LCB": lambda: weighed(-gaussian_lcb(rows, model, config.kappa)),
    }
    if config.acquisition != "hedge":
        return int(np.argmax(worth[config.acquisition]()))
    # Brochu, Hoffman and de Freitas, "Portfolio Allocation for Bayesian Optimization" (2011), with
    # gains from what the present surrogate says of each nominee.
    nominees = [int(np.argmax(one())) for one in worth.values()]
    gains = -model.predict(rows[nominees])
    shares = np.exp((gains - gains.max()) / (losses.std() or 1.0))
    return int(random.choice(nominees, p=shares / shares.sum()))
