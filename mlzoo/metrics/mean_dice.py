"""Mean Dice coefficient of the classes that occur or are predicted."""

from __future__ import annotations

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, summed

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "mean Dice"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images."""
    return summed(predictions.confusion, lambda sums: mean_defined(pixels.dice(sums)))
