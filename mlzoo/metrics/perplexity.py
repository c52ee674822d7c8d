"""Two to the power of the bits per character."""

from __future__ import annotations

from typing import Any

from mlzoo.statistics.scorers import Scorer

TARGETS = ("classes per token",)
DIRECTION = "min"
BOUNDS = (1.0, None)


def score(predictions: Any) -> Scorer:
    """Return the metric as a function of weights over windows."""
    bits = predictions.mean(predictions.bits)
    return lambda weights: 2 ** bits(weights)
