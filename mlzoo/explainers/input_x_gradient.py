"""Input times gradient: first-order attribution of the score to each position.

Shrikumar et al., "Not Just a Black Box" (2016), with the input relative to a baseline: a blurred
image, or zero, which behind a model's scaling is the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe


class Config(Settings):
    """Settings of input_x_gradient."""

    baseline: Literal["auto", "zero", "blur"] = "auto"
    """Baseline of the input: zero behind the model's scaling, or a blurred image; auto: blur for
    images, whose zero is black."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return attributions shaped like x: (n, height, width), (n, steps, channels), (n, columns).

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    z = model.enter(x)
    start = 0 * z if config.baseline == "zero" else model.baseline(x)
    gradient = model.gradient(x, target, z, odds=True)[1]
    return model.positions((z - start) * gradient)
