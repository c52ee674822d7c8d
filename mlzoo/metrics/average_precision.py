"""Mean precision over thresholds, weighted by the gain in recall, of one of two classes.

scikit-learn's definition, without interpolation; undefined where no sample is of the class.
"""

from __future__ import annotations

import numpy as np

from mlzoo.metrics._ranking import runs
from mlzoo.statistics.scorers import Array, Predictions, Scorer, ratio

TARGETS = ("classes per sample", "inputs per sample")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
ONE_CLASS = True


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over samples; None unless of two classes."""
    if predictions.y_pred.shape[1] != 2:
        return None
    order, starts = runs(-predictions.y_pred[:, predictions.positive])
    positive = (predictions.y_true == predictions.positive)[order].astype("float64")

    def area(weights: Array) -> Array:
        weights = weights[:, order]
        true_positives = np.add.reduceat(weights * positive, starts, axis=1)
        chosen = np.cumsum(np.add.reduceat(weights, starts, axis=1), axis=1)
        precision = np.cumsum(true_positives, axis=1) / np.maximum(chosen, 1e-300)
        return ratio((true_positives * precision).sum(axis=1), true_positives.sum(axis=1))

    return area
