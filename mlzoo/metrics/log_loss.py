"""Mean negative logarithm of the probability of the true class."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import EPSILON, Predictions, Scorer, weighted_mean

TARGETS = ("classes per sample",)
DIRECTION = "min"
BOUNDS = (0.0, None)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    y_true, y_pred = predictions.y_true, predictions.y_pred
    likelihoods = y_pred[np.arange(len(y_true)), y_true].astype("float64")
    return weighted_mean(-np.log(np.clip(likelihoods, EPSILON, 1 - EPSILON)))
