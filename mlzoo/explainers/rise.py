"""RISE: random masks averaged with the evidence for the class that remains visible.

Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models"
(2018). Unlike in the paper, hidden parts are blurred, not black; a mask is weighted by its log-odds
less the mean over all masks, so that a map has both signs; and if half is shown, masks are drawn in
groups that show every pair of cells equally often, so that few masks suffice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe


class Config(Settings):
    """Settings of rise."""

    masks: int = Field(512, ge=2, le=100_000)
    """Number of random masks, which are the same for every input."""
    cells: int = Field(8, ge=2, le=64)
    """Cells of a mask along each side of an image."""
    shown: float = Field(0.5, gt=0, lt=1)
    """Share of the cells that a mask shows."""
    seed: int = Field(0, ge=0)
    """Seed of the masks."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return attributions shaped like x: (n, height, width), (n, steps), (n, columns).

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    rng = np.random.default_rng([config.seed, 0x415E])
    masks, places = model.random_parts(rng, config.masks, config.cells, config.shown)
    other = model.baseline(x)
    maps = []
    for i in range(len(x)):
        one = slice(i, i + 1)
        odds = model.masked(x[one], target[one], masks, other[one])[0]
        weights = (odds - odds.mean()) / (config.shown * (1 - config.shown) * config.masks)
        maps.append(np.tensordot(weights, places, 1))
    return np.stack(maps).astype("float32")
