"""Distance of drawn samples to the nearest training sample over that to the second nearest."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "distance to the nearest over the second training sample"


def score(predictions: Draws) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.ratios()
