"""Share of samples whose labels are all right, none missing and none too many."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("labels per sample",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
BINOMIAL = True


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    same = predictions.true == predictions.chosen
    return predictions.mean(same.all(axis=1).astype("float64"))
