"""Every combination once, in the order of the space.

Continua are cut into `points` values, both ends among them. Complete grids are for few dimensions:
Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization" (2012), say why.
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
    """Values of a dimension that is a continuum."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """The next combinations that no trial has had."""
    tried = {space.key(trial.values) for trial in history}
    left = (values for values in space.grid(config.points) if space.key(values) not in tried)
    return [Proposal(values) for values in islice(left, count)]
