"""Share of drawn samples that are as close to a training sample as 1 % of real ones are."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "min"
BOUNDS = (0.0, 1.0)
TITLE = "share of copies"


def score(predictions: Draws) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.copies()
