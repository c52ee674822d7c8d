"""Coefficient of determination, 1 - SSE/SST, averaged over the targets.

Undefined where the true values of a target do not vary.
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.fields import FieldSums
from mlzoo.statistics.scorers import Array, Predictions, Scorer, ratio

TARGETS = ("numbers per sample", "numbers per pixel", "numbers per point")
DIRECTION = "max"
BOUNDS = (None, 1.0)
TITLE = "R²"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return _of_sums(predictions) if isinstance(predictions, FieldSums) else _of_values(predictions)


def _of_sums(predictions: FieldSums) -> Scorer:
    def r2(weights: Array) -> Array:
        values, squared, _, y, y2 = np.moveaxis(predictions.totals(weights), -1, 0)
        return (1 - ratio(squared, y2 - ratio(y**2, values))).mean(axis=1)

    return r2


def _of_values(predictions: Predictions) -> Scorer:
    truth = predictions.y_true
    squared = (predictions.y_pred - truth) ** 2
    centered = truth - truth.mean(axis=0)  # for precision; R² does not change

    def r2(weights: Array) -> Array:
        count = weights.sum(axis=1, keepdims=True)
        mean = ratio(weights @ centered, count)
        total = np.maximum(weights @ centered**2 - count * mean**2, 0)
        varies = total > 1e-12 * count * np.maximum(1e-300, (centered**2).max(axis=0, initial=0))
        return 1 - ratio(weights @ squared, np.where(varies, total, 0)).mean(axis=1)

    return r2
