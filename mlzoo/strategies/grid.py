"""Every combination once, in the order of the space.

Continuous ranges are cut into `points` values, both ends included. Complete grids suit few
dimensions only: Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization" (2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.spaces import Proposal, Space, Trial

INDEPENDENT = True
COMPLETE = True


class Config(Settings):
    """Settings of grid."""

    points: int = Field(5, ge=2, le=1000)
    """Number of values of a continuous dimension."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """Propose the next untried combinations.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none when the grid is exhausted.
    """
    tried = {space.key(trial.values) for trial in history}
    left = (values for values in space.grid(config.points) if space.key(values) not in tried)
    return [Proposal(values) for values in islice(left, count)]
