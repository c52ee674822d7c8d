"""Mean squared error over all values."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers", "inputs per sample")
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "MSE"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.mean_error(np.square)
