"""Continuous ranked probability score of predicted distributions; of points their MAE.

Distributions are normal where deviations are predicted, else linear between predicted quantiles.
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.predictive.distributions import crps_normal, crps_quantiles
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers per sample", "numbers per horizon")
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "CRPS"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples, in the units of the target."""
    given, y_true = predictions.distributions, predictions.y_true
    if given is None:
        return predictions.mean_error(np.abs)
    if given.std is None:
        scores = crps_quantiles(y_true, given.quantiles, given.levels)
    else:
        scores = crps_normal(y_true, predictions.y_pred, given.std)
    return predictions.mean_of(scores)
