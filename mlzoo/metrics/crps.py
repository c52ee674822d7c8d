"""Continuous ranked probability score of normal predictive distributions; of points their MAE."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.predictive.distributions import crps_normal
from mlzoo.statistics.scorers import Predictions, Scorer, weighted_mean

TARGETS = ("numbers per sample",)
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "CRPS"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples, in the units of the target."""
    if predictions.std is None:
        return predictions.mean_error(np.abs)
    scores = crps_normal(predictions.y_true, predictions.y_pred, predictions.std)
    return weighted_mean(scores.mean(axis=1))
