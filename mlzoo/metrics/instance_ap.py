"""Average precision of instances, averaged over thresholds of the IoU from .5 to .95."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, summed
from mlzoo.statistics.separation.instances import average_precision

TARGETS = ("instances per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "instance AP .5 to .95"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images."""
    return summed(predictions.matches, lambda sums: mean_defined(average_precision(sums)))
