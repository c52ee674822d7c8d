"""Mean recall of the classes that occur."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, ratio

TARGETS = ("classes per sample", "classes per step")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
BESIDE = ("average_precision",)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    right, true = predictions.right, predictions.true
    return lambda weights: mean_defined(ratio(weights @ right, weights @ true))
