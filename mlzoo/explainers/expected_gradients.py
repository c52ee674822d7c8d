"""Expected gradients: integrated gradients averaged over real samples as baselines.

Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and
expected gradients" (2021). Attributions sum to a sample's score less the background's mean score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

COMPARES = True


class Config(Settings):
    """Settings of expected_gradients."""

    background: int = Field(64, ge=1, le=4096)
    """Number of training samples, drawn with the seed, that serve as baselines."""
    steps: int = Field(4, ge=1, le=1024)
    """Midpoints of each path; doubled up to 64 until the completeness error is within 2 %."""
    seed: int = Field(0, ge=0)
    """Seed of the choice of baselines."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return attributions shaped like x: (n, height, width), (n, steps, channels), (n, columns).

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    rows = model.background_rows(config.background, config.seed)
    starts, z = model.enter(rows), model.enter(x)
    change = model.evidence(x, target, z)[0] - _expected(model, rows, starts, target)
    spread = max(float(np.std(change)), 1e-12)
    steps = config.steps
    while True:
        attributions = _averaged(model, x, target, z, starts, steps)
        error = abs(attributions.reshape(len(z), -1).sum(axis=1) - change) / spread
        if error.max() <= 0.02 or steps >= 64 or len(x) == 1 and steps >= 16:
            break
        steps *= 2
    model.tell("completeness_error", error)
    return model.positions(attributions)


def _expected(model: Probe, rows: np.ndarray, starts: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the background's mean score for each sample's target."""
    import numpy as np

    known: dict[bytes, float] = {}
    for one in target:
        if one.tobytes() not in known:
            many = np.repeat(one[None], len(rows), axis=0)
            known[one.tobytes()] = float(model.evidence(rows, many, starts)[0].mean())
    return np.array([known[one.tobytes()] for one in target])


def _averaged(
    model: Probe,
    x: np.ndarray,
    target: np.ndarray,
    z: np.ndarray,
    starts: np.ndarray,
    steps: int,
) -> np.ndarray:
    import numpy as np

    total = np.zeros(z.shape, "float64")
    for start in starts:
        for step in range(steps):
            along = start + np.float32((step + 0.5) / steps) * (z - start)
            total += (z - start) * model.gradient(x, target, along, odds=True)[1]
    return (total / (len(starts) * steps)).astype("float32")
