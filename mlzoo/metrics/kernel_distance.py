"""Kernel distance (KID) of drawn from real samples in 64 principal components."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "min"
BOUNDS = (None, None)
TITLE = "kernel distance"


def score(predictions: Draws) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.kernel_distance()
