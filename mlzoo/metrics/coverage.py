"""Share of the true values that lie in the prediction band of a forecast."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers per horizon",)
DIRECTION = None
NEAR = 0.9
BOUNDS = (0.0, 1.0)
TITLE = "coverage of the 90 % band"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over windows; None without bands."""
    y_true, ends = predictions.y_true, predictions.ends
    if ends is None:
        return None
    inside = (y_true >= ends[0]) & (y_true <= ends[1])
    return predictions.mean(inside, np.isfinite(y_true))
