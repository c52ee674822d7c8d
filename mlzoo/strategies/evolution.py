"""Evolution: sample around the best quarter of a population, with an adaptive covariance.

An estimation-of-distribution algorithm in the manner of CMA-ES (Hansen and Ostermeier 2001): a
normal distribution over the numbers, whose covariance adapts to successful steps, and a categorical
distribution over each choice. The first population is a Latin hypercube.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.spaces import Proposal, Space, Trial, Values

if TYPE_CHECKING:
    import numpy as np

AHEAD = 10**6
_TRIES = 100


class Config(Settings):
    """Settings of evolution."""

    population: int = Field(12, ge=4, le=1000)
    """Trials of a generation."""
    keep: float = Field(0.25, gt=0, le=0.5)
    """Share of the best trials so far that the next generation is sampled around."""
    learning: float = Field(0.5, gt=0, le=1)
    """Learning rate of the covariance."""
    least: float = Field(0.03, gt=0, lt=1)
    """Smallest standard deviation of sampling, as a share of the range."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """Propose the next candidates of a generation.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none while trials of the generation before are running.
    """
    import numpy as np

    tried = {space.key(trial.values) for trial in history}
    proposals: list[Proposal] = []
    for number in range(len(history), len(history) + count):
        generation = number // config.population
        before = history[: generation * config.population]
        missing = len(before) < generation * config.population
        if missing or any(trial.state == "running" for trial in before):
            break
        random = np.random.default_rng([seed, number])
        values = _sample(config, space, before, number, seed, random, tried)
        if values is None:
            break
        tried.add(space.key(values))
        proposals.append(Proposal(values))
    return proposals


def _sample(
    config: Config,
    space: Space,
    before: Sequence[Trial],
    number: int,
    seed: int,
    random: np.random.Generator,
    tried: set[str],
) -> Values | None:
    """Sample an untried candidate of the current distribution; otherwise any that is left."""
    if not any(trial.loss is not None for trial in before):
        points = iter([_latin(config, space, number, seed)])
    else:
        model = _fit_distribution(config, space, before)
        points = (_draw(space, *model, random) for _ in range(_TRIES))
    for point in points:
        if space.key(values := space.at(point)) not in tried:
            return values
    if space.size is not None:
        left = [values for values in space.grid() if space.key(values) not in tried]
        return left[int(random.integers(len(left)))] if left else None
    for _ in range(_TRIES):
        values = space.at(random.random(len(space)).tolist())
        if space.key(values) not in tried:
            return values
    return None


def _latin(config: Config, space: Space, number: int, seed: int) -> Any:
    import numpy as np
    from scipy.stats import qmc

    block, row = divmod(number, config.population)
    random = np.random.default_rng([seed, 1, block])
    return qmc.LatinHypercube(len(space), seed=random).random(config.population)[row]


def _fit_distribution(
    config: Config, space: Space, before: Sequence[Trial]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray | None]]:
    """Fit the distribution: mean and covariance of the numbers, probabilities of each choice.

    The covariance is that of the kept points about the mean before, so that steps in a good
    direction make the next ones longer.
    """
    import numpy as np

    size = len(space)
    mean, covariance = np.full(size, 0.5), np.eye(size) * 0.3**2
    for end in range(config.population, len(before) + 1, config.population):
        kept = _best(config, before[:end])
        if not kept:
            continue
        points = np.array([space.units(trial.values) for trial in kept])
        weights = np.log(len(kept) + 0.5) - np.log(np.arange(1, len(kept) + 1))
        weights /= weights.sum()
        steps = points - mean
        spread = (weights[:, None] * steps).T @ steps
        covariance = (1 - config.learning) * covariance + config.learning * spread
        mean = weights @ points
    shares: list[np.ndarray | None] = []
    kept = _best(config, before)
    for dimension in space.dimensions:
        if dimension.kind != "choice":
            shares.append(None)
            continue
        counts = np.full(len(dimension.choices), 0.5)
        for trial in kept:
            if dimension.name in trial.values:
                counts[dimension.choices.index(trial.values[dimension.name])] += 1
        shares.append(counts / counts.sum())
    return mean, covariance + np.eye(size) * config.least**2, shares


def _best(config: Config, trials: Sequence[Trial]) -> list[Trial]:
    done = [trial for trial in trials if trial.loss is not None]
    count = max(2, math.ceil(config.keep * min(len(done), 2 * config.population)))
    return sorted(done, key=lambda trial: (trial.loss, trial.number))[:count]


def _draw(
    space: Space,
    mean: np.ndarray,
    covariance: np.ndarray,
    shares: list[np.ndarray | None],
    random: np.random.Generator,
) -> list[float]:
    """Draw a point of the unit cube; values outside are mirrored at the border."""
    import numpy as np

    point = random.multivariate_normal(mean, covariance)
    point = np.abs(point)
    point = 1 - np.abs(1 - point % 2)
    for place, share in enumerate(shares):
        if share is not None:
            chosen = int(random.choice(len(share), p=share))
            point[place] = (chosen + 0.5) / len(share)
    return [float(unit) for unit in point]
