"""Mean F1 of the classes or labels that occur or are predicted (scikit-learn's definition)."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, ratio

TARGETS = ("classes per sample", "classes per step", "labels per sample")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "macro F1"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    right, both = predictions.right, predictions.true + predictions.chosen
    return lambda weights: mean_defined(ratio(2 * (weights @ right), weights @ both))
