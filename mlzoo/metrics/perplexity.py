"""Two to the power of the bits per character."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes per token",)
DIRECTION = "min"
BOUNDS = (1.0, None)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over windows."""
    bits = predictions.mean(predictions.bits)
    return lambda weights: 2 ** bits(weights)
