"""Share of drawn samples that a classifier of real ones puts into the class that was asked for."""

from __future__ import annotations

from mlzoo.statistics.scorers import Scorer
from mlzoo.statistics.unlabeled.draws import Draws

TARGETS = ("inputs per draw",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Draws) -> Scorer | None:
    """Return the metric as a function of weights over samples; None where no class was asked."""
    return predictions.class_agreement()
