"""Points drawn at random: independently, from a Sobol sequence, or in Latin hypercubes.

Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization" (2012). Sobol points are
scrambled (Owen 1995); Latin hypercubes (McKay et al. 1979) follow one another, `block` points each.
No point is proposed twice; a finite space is eventually exhausted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.spaces import Proposal, Space, Trial, Values

if TYPE_CHECKING:
    import numpy as np

INDEPENDENT = True
_TRIES = 200


class Config(Settings):
    """Settings of random."""

    method: Literal["plain", "sobol", "latin"] = "plain"
    """plain: each point by itself; sobol: a scrambled Sobol sequence; latin: Latin hypercubes."""
    block: int = Field(16, ge=2, le=1024)
    """Points of a Latin hypercube."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """Propose the next untried points of the sequence.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none when a finite space is exhausted.
    """
    tried = {space.key(trial.values) for trial in history}
    proposals: list[Proposal] = []
    points = _points(config, len(space), len(history), seed)
    for _ in range(_TRIES * count):
        if len(proposals) == count:
            return proposals
        values = space.at(next(points))
        if space.key(values) not in tried:
            tried.add(space.key(values))
            proposals.append(Proposal(values))
    return proposals + [Proposal(v) for v in _rest(space, tried, count - len(proposals), seed)]


def _rest(space: Space, tried: set[str], count: int, seed: int) -> list[Values]:
    """Return the untried points of a nearly exhausted finite space, in random order."""
    if space.size is None or count <= 0:
        return []
    import numpy as np

    left = [values for values in space.grid() if space.key(values) not in tried]
    order = np.random.default_rng([seed, len(tried)]).permutation(len(left))
    return [left[index] for index in order[:count]]


def _points(config: Config, dimensions: int, start: int, seed: int) -> Iterator[Any]:
    """Yield points of the unit cube, from index `start` of the sequence on."""
    import numpy as np

    index = start
    while True:
        if config.method == "plain":
            yield np.random.default_rng([seed, index]).random(dimensions)
        else:
            block, row = divmod(index, _length(config))
            yield _design(config, dimensions, block, seed)[row]
        index += 1


def _length(config: Config) -> int:
    return config.block if config.method == "latin" else 1024


def _design(config: Config, dimensions: int, block: int, seed: int) -> np.ndarray:
    import numpy as np
    from scipy.stats import qmc

    random = np.random.default_rng([seed, block])
    if config.method == "latin":
        return qmc.LatinHypercube(dimensions, seed=random).random(config.block)
    return qmc.Sobol(dimensions, seed=random).random(1024)
