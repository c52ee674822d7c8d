"""Share of drawn samples that lie where real ones are."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "precision of drawn samples"


def score(predictions: Draws) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.precision()
