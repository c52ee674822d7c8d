"""Mean intersection over union of the classes that occur or are predicted."""

from __future__ import annotations

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, ratio, summed

TARGETS = ("classes per pixel", "classes per step")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "mean IoU"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images or sequences."""
    if isinstance(predictions, pixels.Counts):
        return summed(predictions.confusion, pixels.mean_iou)
    right = predictions.right
    either = predictions.true + predictions.chosen - right
    return lambda weights: mean_defined(ratio(weights @ right, weights @ either))
