"""Saliency: gradient of the class's score for each pixel, step or column.

Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks" (2014): the gradient of the
score, and for a pixel the largest absolute value of its channels. In tables and sequences every
column and every channel of a step keeps its own signed value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe


class Config(Settings):
    """Settings of saliency."""

    absolute: bool = True
    """Take absolute values; otherwise the channels of a pixel are summed with their signs."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return attributions shaped like x: (n, height, width), (n, steps, channels), (n, columns).

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    gradient = model.gradient(x, target)[1]
    attributions = model.positions(gradient, largest=config.absolute)
    return abs(attributions) if config.absolute else attributions
