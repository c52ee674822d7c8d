"""Share of real samples that lie where drawn ones are."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "recall of drawn samples"


def score(predictions: Draws) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.recall()
