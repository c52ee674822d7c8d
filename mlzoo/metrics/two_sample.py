"""Accuracy of telling drawn from real samples by the nearest neighbor; .5 is ideal."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = None
NEAR = 0.5
BOUNDS = (0.0, 1.0)
TITLE = "1-NN accuracy, real against drawn"


def score(predictions: Draws) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.two_sample()
