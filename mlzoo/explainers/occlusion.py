"""Occlusion: log-odds lost when a patch, a step or a column is hidden.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014). Unlike in the
paper, the patch shows a blurred image instead of gray, and a pixel's value is the mean over the
patches that cover it. In sequences single steps are hidden, in tables single columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe


class Config(Settings):
    """Settings of occlusion."""

    patch: float = Field(0.15, gt=0, le=0.9)
    """Side of the patch relative to the image's shorter side; steps of a sequence are hidden
    one at a time."""
    overlap: int = Field(2, ge=1, le=8)
    """Number of patches that cover a pixel along each axis."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the log-odds lost by hiding each position.

    The shape is (n, height, width), (n, steps) or (n, columns).

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    hidden = model.patches(config.patch, config.overlap)
    other = model.baseline(x)
    base = model.evidence(x, target)[0]
    maps = []
    for i in range(len(x)):
        one = slice(i, i + 1)
        lost = base[i] - model.masked(x[one], target[one], 1 - hidden, other[one])[0]
        if len(model.shape) == 3:
            lost = np.tensordot(lost, hidden, 1) / hidden.sum(axis=0)
        maps.append(lost)
    return np.stack(maps).astype("float32")
