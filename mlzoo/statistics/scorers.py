"""Scalar metrics as functions of sample weights: one code for a score and for its intervals.

A `Scorer` takes weights (b, n), how much each of n samples counts in each of b sets, and gives
b values, NaN where a metric is undefined. All weights 1 is the metric itself; weights of 0 leave
samples out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
Scorer = Callable[[Array], Array]

EPSILON = 1e-7
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm, as Keras does."""


def ratio(numerator: Array, denominator: Array) -> Array:
    """Divide elementwise; NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


def precision_of(right: Array, chosen: Array, true: Array) -> Array:
    """Return the precision of classes: 0 for one that is never predicted but occurs.

    NaN for one that is neither predicted nor occurs.

    Args:
        right: how many samples of each class are predicted as such; any shape.
        chosen: how many are predicted as each class.
        true: how many are truly of each class.
    """
    return np.where((chosen == 0) & (true > 0), 0.0, ratio(right, chosen))


def classification_scorers(
    targets: Array, probabilities: Array, positive: int = 1
) -> dict[str, Scorer]:
    """Return a classifier's metrics as functions of sample weights.

    Accuracy, balanced accuracy, macro F1 and log loss; for two classes, ROC AUC and average
    precision.

    Args:
        targets: (n,) positions of the true classes, 0..k-1.
        probabilities: (n, k) rows that sum to 1.
        positive: which of two classes `average_precision` is about.

    Balanced accuracy is the mean recall of the classes that occur; macro F1 the mean F1 of the
    classes that occur or are predicted (scikit-learn's definitions).
    """
    truth, chosen = _one_hot(targets, probabilities.shape[1]), probabilities.argmax(axis=1)
    predicted = _one_hot(chosen, probabilities.shape[1])
    right = truth * predicted
    true_class_probabilities = probabilities[np.arange(len(targets)), targets].astype("float64")
    losses = -np.log(np.clip(true_class_probabilities, EPSILON, 1 - EPSILON))

    def balanced_accuracy(weights: Array) -> Array:
        return mean_defined(ratio(weights @ right, weights @ truth))

    def macro_f1(weights: Array) -> Array:
        return mean_defined(ratio(2 * (weights @ right), weights @ (truth + predicted)))

    scorers: dict[str, Scorer] = {
        "accuracy": _weighted_mean((chosen == targets).astype("float64")),
        "balanced_accuracy": balanced_accuracy,
        "macro_f1": macro_f1,
        "log_loss": _weighted_mean(losses),
    }
    if probabilities.shape[1] == 2:
        scorers["roc_auc"] = _roc_auc(targets == 1, probabilities[:, 1])
        scorers["average_precision"] = _average_precision(
            targets == positive, probabilities[:, positive]
        )
    return scorers


def regression_scorers(targets: Array, predictions: Array) -> dict[str, Scorer]:
    """Return RMSE, MAE and R² as functions of sample weights.

    RMSE and MAE are over all values; R² = 1 - SSE/SST is averaged over the k targets.

    Args:
        targets: (n,) or (n, k) true values, in the units of the target.
        predictions: the same shape, or (n, 1) for (n,).

    R² is undefined where the true values don't vary.
    """
    truth = targets.reshape(len(targets), -1).astype("float64")
    error = predictions.reshape(truth.shape).astype("float64") - truth
    squared = error**2
    centered = truth - truth.mean(axis=0)  # for precision; R² does not change
    mean_squared = _weighted_mean(squared.mean(axis=1))

    def r2(weights: Array) -> Array:
        count = weights.sum(axis=1, keepdims=True)
        mean = ratio(weights @ centered, count)
        total = np.maximum(weights @ centered**2 - count * mean**2, 0)
        varies = total > 1e-12 * count * np.maximum(1e-300, (centered**2).max(axis=0, initial=0))
        return 1 - ratio(weights @ squared, np.where(varies, total, 0)).mean(axis=1)

    return {
        "rmse": lambda weights: np.sqrt(mean_squared(weights)),
        "mae": _weighted_mean(np.abs(error).mean(axis=1)),
        "r2": r2,
    }


def _one_hot(positions: Array, classes: int) -> Array:
    return (positions[:, None] == np.arange(classes)).astype("float64")


def _weighted_mean(values: Array) -> Scorer:
    return lambda weights: ratio(weights @ values, weights.sum(axis=1))


def mean_defined(values: Array) -> Array:
    """Return the mean of each row over its entries that are not NaN."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=1), defined.sum(axis=1))


def _runs(scores: Array) -> tuple[Array, Array]:
    """Return the sorting order of scores, and the start of each run of equal scores in it."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def _roc_auc(positive: Array, scores: Array) -> Scorer:
    """Return the share of (positive, negative) pairs ranked correctly, ties counting half.

    Mann-Whitney's U over the number of pairs; NaN where one class is absent.
    """
    order, starts = _runs(scores)
    positive = positive[order].astype("float64")

    def score(weights: Array) -> Array:
        weights = weights[:, order]
        up = np.add.reduceat(weights * positive, starts, axis=1)
        down = np.add.reduceat(weights * (1 - positive), starts, axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        return ratio((up * below).sum(axis=1), up.sum(axis=1) * down.sum(axis=1))

    return score


def _average_precision(positive: Array, scores: Array) -> Scorer:
    """Return the mean precision over thresholds, weighted by the gain in recall.

    scikit-learn's definition, without interpolation; NaN where no sample is positive.
    """
    order, starts = _runs(-scores)
    positive = positive[order].astype("float64")

    def score(weights: Array) -> Array:
        weights = weights[:, order]
        true_positives = np.add.reduceat(weights * positive, starts, axis=1)
        chosen = np.cumsum(np.add.reduceat(weights, starts, axis=1), axis=1)
        precision = np.cumsum(true_positives, axis=1) / np.maximum(chosen, 1e-300)
        return ratio((true_positives * precision).sum(axis=1), true_positives.sum(axis=1))

    return score
