"""Share of pairs of samples of two classes that are ranked correctly, ties counting half.

Mann-Whitney's U over the number of pairs; undefined where one class is absent.
"""

from __future__ import annotations

import numpy as np

from mlzoo.metrics._ranking import runs
from mlzoo.statistics.scorers import Array, Predictions, Scorer, ratio

TARGETS = ("classes per sample", "inputs per sample")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "ROC AUC"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over samples; None unless of two classes."""
    if predictions.y_pred.shape[1] != 2:
        return None
    order, starts = runs(predictions.y_pred[:, 1])
    positive = (predictions.y_true == 1)[order].astype("float64")

    def area(weights: Array) -> Array:
        weights = weights[:, order]
        up = np.add.reduceat(weights * positive, starts, axis=1)
        down = np.add.reduceat(weights * (1 - positive), starts, axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        return ratio((up * below).sum(axis=1), up.sum(axis=1) * down.sum(axis=1))

    return area
