"""Mean absolute scaled error (Hyndman and Koehler 2006): below 1 is better than repeating values.

Each target's errors are divided by those that a naive forecast makes in the training split; targets
whose scale is unknown are left out.
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers per horizon",)
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "MASE"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over windows."""
    error, defined = predictions.y_true - predictions.y_pred, np.isfinite(predictions.scale)
    relative = np.abs(error) / np.where(defined, predictions.scale, 1)
    return predictions.mean(relative, np.isfinite(error) & defined)
