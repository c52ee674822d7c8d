"""Thresholds from which labels are predicted."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Array

HALF = 0.5
"""Threshold of labels for which none could be chosen."""


def choose_thresholds(y_true: Array, y_pred: Array) -> Array:
    """Return the threshold (k,) of each label with the best F1.

    It lies halfway between the two probabilities that it parts; of equally good ones the middle.
    `HALF` for a label that no sample has, or all have.

    Args:
        y_true: (n, k) zeros and ones.
        y_pred: (n, k) probabilities.
    """
    columns = zip(y_true.T, y_pred.T.astype("float64"), strict=True)
    return np.array([_threshold(true, probabilities) for true, probabilities in columns])


def _threshold(true: Array, probabilities: Array) -> float:
    positives = true.sum()
    if positives in (0, len(true)):
        return HALF
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    true_positives = np.cumsum(true[order])
    f1 = 2 * true_positives / (np.arange(1, len(true) + 1) + positives)
    ends = np.flatnonzero(np.r_[ordered[1:] < ordered[:-1], True])  # ties are chosen together
    best = ends[np.isclose(f1[ends], f1[ends].max(), rtol=0, atol=1e-12)]
    last = int(best[(len(best) - 1) // 2])
    below = ordered[last + 1] if last + 1 < len(ordered) else 0.0
    return float((ordered[last] + below) / 2)
