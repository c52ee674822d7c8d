"""F1 of all labels of all samples together, so that frequent labels count more."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, ratio

TARGETS = ("labels per sample",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "micro F1"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    right = predictions.right.sum(axis=1)
    both = (predictions.true + predictions.chosen).sum(axis=1)
    return lambda weights: ratio(2 * (weights @ right), weights @ both)
