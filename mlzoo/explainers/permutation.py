"""Permutation importance: increase of the error when a column is shuffled.

Breiman, "Random Forests" (2001), for any model as in Fisher, Rudin and Dominici, "All Models are
Wrong, but Many are Useful" (2019). A categorical column is shuffled as a whole; error bars are the
spread over repeats. Each of several correlated columns has a low importance of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("table",)
MODEL = True


class Config(Settings):
    """Settings of permutation."""

    repeats: int = Field(10, ge=2, le=1000)
    """Number of shuffles of each column."""
    seed: int = Field(0, ge=0)
    """Seed of the shuffles."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return the increase of the error: log loss of classes, else mean absolute error.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: the background has no truth to compare with.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.introspection.findings import Finding

    known = model.known
    if known is None or known.truth is None:
        raise UsageError("permutation needs samples whose truth is known: leave out --data")
    rng = np.random.default_rng([config.seed, 0x9E])
    base = _loss(model, known.x, known.truth, known.classes)
    worse = np.empty((known.x.shape[1], config.repeats))
    for column in range(known.x.shape[1]):
        for repeat in range(config.repeats):
            shuffled = known.x.copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            worse[column, repeat] = _loss(model, shuffled, known.truth, known.classes) - base
    what = "log loss" if known.classes else "mean absolute error"
    spread = worse.std(axis=1)
    mean = worse.mean(axis=1)
    return [
        Finding(
            "bars",
            f"permutation importance: rise in {what}, from {base:.4g}",
            {"values": mean, "low": mean - spread, "high": mean + spread},
            list(known.names),
            f"over {len(known.x)} rows; lines show one standard deviation over "
            f"{config.repeats} shuffles",
        )
    ]


def _loss(model: Probe, x: np.ndarray, y_true: np.ndarray, classes: bool) -> float:
    import numpy as np

    y_pred = model.outputs(model.inputs(x)).astype("float64")
    if not classes:
        return float(np.abs(y_pred - y_true.reshape(y_pred.shape)).mean())
    if y_pred.shape[1] == 1:
        y_pred = np.concatenate([1 - y_pred, y_pred], axis=1)
    true_class = y_pred[np.arange(len(y_pred)), y_true.astype(int)]
    return float(-np.log(np.clip(true_class, 1e-7, 1)).mean())
