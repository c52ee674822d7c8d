"""Integrated gradients: path integral of the gradient from a baseline to the input.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (2017). The integral is a
midpoint sum whose steps are doubled until the attributions sum to the score's change within 5 %
(completeness), or a limit is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

_TOGETHER = 32
"""Points of paths that go through the model at once: recurrent networks take no longer for many."""


class Config(Settings):
    """Settings of integrated_gradients."""

    steps: int = Field(32, ge=1, le=4096)
    """Initial number of steps from the baseline to the input."""
    most_steps: int = Field(512, ge=1, le=4096)
    """Steps are doubled up to this number until the sum is complete."""
    tolerance: float = Field(0.05, gt=0)
    """Tolerated completeness error, relative to the change of the score."""
    baseline: Literal["auto", "zero", "blur"] = "auto"
    """Baseline that the path starts from: zero behind the model's scaling, or a blurred image;
    auto: blur for images, whose zero is black.
    """


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
    start = np.zeros_like(z) if config.baseline == "zero" else model.baseline(x)
    change = model.evidence(x, target, z)[0] - model.evidence(x, target, start)[0]
    attributions, open_ = np.zeros_like(z), np.arange(len(z))
    steps = config.steps
    while len(open_):
        attributions[open_] = _integral(
            model, x[open_], target[open_], z[open_], start[open_], steps
        )
        error = abs(attributions.reshape(len(z), -1).sum(axis=1) - change)
        share = error / np.maximum(abs(change), 1e-12)
        steps *= 2
        if steps > config.most_steps:
            break
        open_ = np.flatnonzero(share > config.tolerance)
    model.tell("completeness_error", share)
    return model.positions(attributions)


def _integral(
    model: Probe, x: np.ndarray, target: np.ndarray, z: np.ndarray, start: np.ndarray, steps: int
) -> np.ndarray:
    import numpy as np

    total = np.zeros(z.shape, "float64")
    together = max(1, _TOGETHER // len(z))
    for first in range(0, steps, together):
        middles = (np.arange(first, min(first + together, steps)) + 0.5) / steps
        places = middles.astype("float32").reshape(-1, *[1] * z.ndim)
        along = (start + places * (z - start)).reshape(-1, *z.shape[1:])
        repeated, targets = (np.concatenate([array] * len(middles)) for array in (x, target))
        gradients = model.gradient(repeated, targets, along, odds=True)[1]
        total += gradients.reshape(-1, *z.shape).sum(axis=0, dtype="float64")
    return ((z - start) * (total / steps)).astype("float32")
