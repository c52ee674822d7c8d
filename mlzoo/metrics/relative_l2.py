"""Relative L2 error: the root of the summed squares of errors over that of the true values."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Array, NumberPredictions, Scorer, ratio

TARGETS = ("numbers per sample", "numbers per point")
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "relative L2 error"


def score(predictions: NumberPredictions) -> Scorer:
    """Return the metric as a function of weights over samples; undefined where all is 0."""
    squares = ((predictions.y_pred - predictions.y_true) ** 2).sum(axis=1)
    scale = (predictions.y_true**2).sum(axis=1)

    def relative(weights: Array) -> Array:
        return np.sqrt(ratio(weights @ squares, weights @ scale))

    return relative
