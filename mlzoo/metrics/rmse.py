"""Root of the mean squared error over all values."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers",)
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "RMSE"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    mean_squared = predictions.mean_error(np.square)
    return lambda weights: np.sqrt(mean_squared(weights))
