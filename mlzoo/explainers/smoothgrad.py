"""SmoothGrad: the gradient averaged over noisy versions of the input.

Smilkov et al., "SmoothGrad: removing noise by adding noise" (2017). Signed gradients are averaged,
and the absolute value is taken at the end; the noise is drawn once per seed for all inputs, so that
a map does not depend on the rest of its batch. Variants after Adebayo et al., "Local Explanation
Methods for Deep Neural Networks Lack Sensitivity" (2018): squared gradients, and their variance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe


class Config(Settings):
    """Settings of smoothgrad."""

    samples: int = Field(20, ge=1, le=10_000)
    """Number of noisy versions of each input."""
    sigma: float = Field(0.15, ge=0, le=10)
    """Standard deviation of the noise, relative to each input's own range."""
    variant: Literal["mean", "abs", "squared", "var"] = "mean"
    """mean: of signed gradients; abs: of absolute gradients, as most packages have it; squared;
    var: their variance."""
    absolute: bool = True
    """Take the absolute value, for a pixel the largest of its channels; otherwise keep signs and
    sum the channels."""
    seed: int = Field(0, ge=0)
    """Seed of the noise."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return attributions shaped like x: (n, height, width), (n, steps, channels), (n, columns).

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    z = model.enter(x)
    axes = tuple(range(1, z.ndim))
    low, high = z.min(axis=axes, keepdims=True), z.max(axis=axes, keepdims=True)
    spread = (config.sigma * (high - low)).astype("float32")
    total, squares = np.zeros_like(z), np.zeros_like(z)
    rng = np.random.default_rng([config.seed, 0x5307])
    for _ in range(config.samples if config.sigma else 1):
        noise = rng.standard_normal(z.shape[1:], np.float32)
        gradient = model.gradient(x, target, z + spread * noise)[1]
        total += abs(gradient) if config.variant == "abs" else gradient
        squares += gradient**2
    count = config.samples if config.sigma else 1
    aggregated = {
        "mean": total / count,
        "abs": total / count,
        "squared": squares / count,
        "var": squares / count - (total / count) ** 2,
    }[config.variant]
    values = model.positions(aggregated, largest=config.absolute)
    return abs(values) if config.absolute else values
