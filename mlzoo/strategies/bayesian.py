"""Bayesian optimization: a surrogate model of the score chooses the most promising candidate.

By scikit-optimize's ask and tell. Jones, Schonlau and Welch, "Efficient Global Optimization of
Expensive Black-Box Functions" (1998); forests as surrogates: Hutter, Hoos and Leyton-Brown,
"Sequential Model-Based Optimization" (2011); several at once by the constant liar: Ginsbourger,
Le Riche and Carraro (2010). Differences: each proposal is made by a fresh optimizer that is told
the whole history, so that it depends on seed and history alone; failed trials count as the worst
score, and outliers are clipped; no candidate is proposed twice.
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
    """Acquisition function: expected improvement (EI), probability of improvement (PI), lower
    confidence bound (LCB), or a random one of these, weighted by the prediction for its
    choice (hedge)."""
    initial: int = Field(8, ge=1)
    """Number of trials from a Sobol sequence before the surrogate is used."""
    candidates: int = Field(2000, ge=10, le=100_000)
    """Number of points to compute the acquisition function at."""
    kappa: float = Field(1.96, ge=0)
    """Exploration of LCB: standard deviations below the mean."""
    xi: float = Field(0.01, ge=0)
    """Exploration of EI and PI: required improvement, in standard deviations of the scores."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """Propose the untried candidates with the highest acquisition value.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none when the space is exhausted.
    """
    trials = list(history)
    proposals: list[Proposal] = []
    for _ in range(count):
        values = _next(config, space, trials, seed)
        if values is None:
            break
        proposals.append(Proposal(values))
        trials.append(Trial(len(trials), values))
    return proposals


def _next(config: Config, space: Space, trials: list[Trial], seed: int) -> Values | None:
    tried = {space.key(trial.values) for trial in trials}
    number = int.from_bytes(hashlib.sha256(f"{seed}:{len(trials)}".encode()).digest()[:4], "big")
    done = [trial for trial in trials if trial.state != "running"]
    if len(trials) < config.initial or not any(trial.loss is not None for trial in done):
        return _unseen(space, tried, _sobol(space, len(trials), seed), number)
    import numpy as np

    random = np.random.default_rng(number)
    points = _points(config, space, tried, trials, random)
    if not points:
        return None
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    # Matrices this small are slower on several threads, and their bits would depend on how many.
    with threadpool_limits(1):
        optimizer = _optimizer(config, space, number, len(trials))
        optimizer.tell([_row(space, trial.values) for trial in trials], _losses(trials))
        return points[_most_worth(config, optimizer, space, trials, points, random)]


def _sobol(space: Space, start: int, seed: int) -> Any:
    """Yield points of the unit cube from index `start` of a scrambled Sobol sequence on."""
    import numpy as np
    from scipy.stats import qmc

    points = qmc.Sobol(len(space), seed=np.random.default_rng(seed)).random(256)
    return [points[(start + place) % len(points)] for place in range(len(points))]


def _unseen(space: Space, tried: set[str], points: Any, number: int) -> Values | None:
    """Return the first untried candidate among points; otherwise any that is left."""
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
    trials: list[Trial],
    random: np.random.Generator,
) -> list[Values]:
    """Return untried candidates: all of a small space, otherwise random and nearby points."""
    import numpy as np

    if space.size is not None and space.size <= _FINITE:
        return _rest(space, tried)
    far = random.random((config.candidates, len(space)))
    good = sorted((t for t in trials if t.loss is not None), key=lambda t: (t.loss, t.number))[:3]
    near = [
        np.clip(np.array(space.units(t.values)) + scale * random.normal(size=len(space)), 0, 1)
        for t in good
        for scale in (0.02, 0.1)
        for _ in range(config.candidates // 20)
    ]
    unique: dict[str, Values] = {}
    for point in [*far, *near]:
        values = space.at(point)
        unique.setdefault(space.key(values), values)
    return [values for key, values in unique.items() if key not in tried]


def _row(space: Space, values: Values) -> list[Any]:
    """Encode a candidate for skopt: numbers in [0, 1], choices as text, a constant if absent."""
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


def _losses(trials: list[Trial]) -> list[float]:
    """Return the losses: failures as the worst, running trials as the best (constant liar)."""
    import numpy as np

    known = np.array([trial.loss for trial in trials if trial.loss is not None])
    # A single diverged loss of 1e9 must not make all others look equal to the surrogate.
    low, middle = np.quantile(known, [0.0, 0.5])
    most = middle + 3 * max(middle - low, 1e-12)
    bad, good = min(worst(trials), most), float(low)
    lies = {"running": good, "failed": float(bad)}
    return [
        float(min(trial.loss, most)) if trial.loss is not None else lies[trial.state]
        for trial in trials
    ]


def _optimizer(config: Config, space: Space, number: int, count: int) -> Any:
    """Return a fresh skopt optimizer without observations."""
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
            optimizer=_maximize,
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
        acq_optimizer_kwargs={"n_points": 10},  # we choose the points ourselves, see _most_worth
        random_state=state,
    )


def _maximize(objective: Any, start: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit the kernel's hyperparameters by a few steps of L-BFGS, which come close enough."""
    from scipy.optimize import minimize

    optimum = minimize(
        objective, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": _STEPS}
    )
    return optimum.x, float(optimum.fun)


def _soundness(space: Space, trials: list[Trial], points: list[Values]) -> np.ndarray:
    """Return the probability of success of each point; 1 without failed trials.

    Gelbart, Snoek and Adams, "Bayesian Optimization with Unknown Constraints" (2014), weight
    an acquisition so; here the probability is a kernel average over nearby trials.
    """
    import numpy as np

    done = [trial for trial in trials if trial.state != "running"]
    failed = np.array([trial.state == "failed" for trial in done])
    if not failed.any():
        return np.ones(len(points))
    x = np.array([space.units(values) for values in points])
    known = np.array([space.units(trial.values) for trial in done])
    apart = ((x[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    near = np.exp(-apart / (2 * _NEAR**2))
    sound = (0.5 * (~failed).mean() + near @ ~failed) / (0.5 + near.sum(axis=1))
    # Points that probably fail are tried only when there is nothing else.
    return np.where(sound >= 0.5, sound, 0.01 * sound)


def _most_worth(
    config: Config,
    optimizer: Any,
    space: Space,
    trials: list[Trial],
    points: list[Values],
    random: np.random.Generator,
) -> int:
    """Return the index of the point with the highest acquisition value."""
    import numpy as np
    from skopt.acquisition import gaussian_ei, gaussian_lcb, gaussian_pi

    model, losses = optimizer.models[-1], np.array(optimizer.yi)
    rows = optimizer.space.transform([_row(space, values) for values in points])
    best, ask = losses.min(), config.xi * (losses.std() or 1.0)
    sound = _soundness(space, trials, points)

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
    # gains from the current surrogate's prediction for each nominee.
    nominees = [int(np.argmax(one())) for one in worth.values()]
    gains = -model.predict(rows[nominees])
    shares = np.exp((gains - gains.max()) / (losses.std() or 1.0))
    return int(random.choice(nominees, p=shares / shares.sum()))
