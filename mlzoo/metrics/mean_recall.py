"""Mean recall of the classes that occur."""

from __future__ import annotations

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, summed

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images."""
    return summed(predictions.confusion, lambda sums: mean_defined(pixels.recall(sums)))
