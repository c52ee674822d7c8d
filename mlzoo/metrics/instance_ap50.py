"""Average precision of instances that overlap the true one by an IoU above .5."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, summed
from mlzoo.statistics.separation.instances import THRESHOLDS, average_precision

TARGETS = ("instances per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "instance AP .5"
_AT = THRESHOLDS.tolist().index(0.5)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images."""
    return summed(predictions.matches[:, _AT], average_precision)
