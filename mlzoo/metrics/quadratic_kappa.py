"""Cohen's kappa of ordered classes with quadratic weights (Cohen, Weighted kappa, 1968).

One minus the squared distance of classes over what independent predictions with the same
frequencies would have: 1 is perfect, 0 is chance.
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Array, Predictions, Scorer, ratio

TARGETS = ("ordered per sample",)
DIRECTION = "max"
BOUNDS = (-1.0, 1.0)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    t = predictions.y_true.astype("float64")
    p = predictions.y_pred.argmax(axis=1).astype("float64")

    def kappa(weights: Array) -> Array:
        total = weights.sum(axis=1)
        chance = weights @ (t**2 + p**2) - 2 * ratio((weights @ t) * (weights @ p), total)
        # Rounding leaves a little where all are of one class and predicted as such.
        chance = np.where(chance > 1e-9 * total, chance, 0)
        return 1 - ratio(weights @ (t - p) ** 2, chance)

    return kappa
