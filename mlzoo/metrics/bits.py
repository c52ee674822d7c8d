"""Bits per character: mean negative binary logarithm of the probability of what came."""

from __future__ import annotations

from typing import Any

from mlzoo.statistics.scorers import Scorer

TARGETS = ("classes per token",)
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "bits per character"


def score(predictions: Any) -> Scorer:
    """Return the metric as a function of weights over windows."""
    return predictions.mean(predictions.bits)
