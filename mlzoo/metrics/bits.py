"""Bits per character: mean negative binary logarithm of the probability of what came."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes per token",)
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "bits per character"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over windows."""
    return predictions.mean(predictions.bits)
