"""Calibration of classifiers: is what is predicted with 80 % confidence right in 80 %?

Confidence is the probability of the most probable class. Bins have equal mass, and their edges are
those of all samples together. The pixels of an image, or the steps of a sequence, are first summed
in `CELLS` narrow cells of confidence, which bins are then put together from: no image has to stay
in memory.
"""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import (
    Array,
    ClassCounts,
    ConfidenceBins,
    Predictions,
    Scorer,
    ratio,
)

MOST_BINS = 15
PER_BIN = 20
"""Predictions that a bin needs; there are at most `MOST_BINS` bins and at least one."""
CELLS = 256
_LOWEST, _HIGHEST = -4.0, 16.0
"""Log odds of confidence that the first and the last cell begin and end at."""
_NORMAL = 1.96
"""Standard errors to each end of a 95 % interval."""


def bins_of(predictions: Predictions) -> ConfidenceBins | None:
    """Return the binned confidence of predicted classes; None where there are no probabilities."""
    if isinstance(predictions, ClassCounts):
        return predictions.bins
    return sample_bins(predictions.y_true, predictions.y_pred)


def sample_bins(y_true: Array, y_pred: Array) -> ConfidenceBins:
    """Return the binned confidence of n samples.

    Args:
        y_true: (n,) positions of the true classes.
        y_pred: (n, k) probabilities.
    """
    confidence, right, error = _compared(y_true, y_pred)
    cells = _cell(confidence)
    bins = _bin_of_cells(np.bincount(cells, minlength=CELLS))
    count = np.eye(bins.max() + 1)[bins[cells]]
    return ConfidenceBins(count, count * confidence[:, None], count * right[:, None], error)


def cell_sums(y_true: Array, y_pred: Array) -> Array:
    """Return sums over pixels or steps, (`CELLS`, 4): those of several strips may be added.

    Args:
        y_true: (m,) positions of the true classes, all of which count.
        y_pred: (m, k) probabilities.

    Returns:
        Of each cell of confidence: number, sum of confidence, how many are right, squared error.
    """
    confidence, right, error = _compared(y_true, y_pred)
    cells = _cell(confidence)
    columns = (None, confidence, right, error)
    return np.stack([np.bincount(cells, each, CELLS) for each in columns], axis=1)


def stack_cells(sums: Array) -> ConfidenceBins:
    """Return the binned confidence of n images or sequences from their cell sums (n, cells, 4)."""
    bins = _bin_of_cells(sums[:, :, 0].sum(axis=0))
    member = np.eye(bins.max() + 1)[bins]
    count, confidence, right = (sums[:, :, i] @ member for i in range(3))
    return ConfidenceBins(count, confidence, right, sums[:, :, 3].sum(axis=1))


def squared_error(bins: ConfidenceBins) -> Scorer:
    """Return the mean squared error of the probabilities as a function of weights."""
    count = bins.count.sum(axis=1)
    return lambda weights: ratio(weights @ bins.squared_error, weights @ count)


def expected_error(bins: ConfidenceBins) -> Scorer:
    """Return the expected calibration error, debiased, as a function of weights.

    The mean over predictions of their bin's gap between accuracy and confidence. A perfect model
    has gaps by chance alone, so of each bin is taken off what a normal error of the gap adds to its
    expected absolute value (Kumar, Liang and Ma, Verified Uncertainty Calibration, NeurIPS 2019);
    of what is left the least is 0.
    """
    from scipy.special import erf

    def error(weights: Array) -> Array:
        count, gap, variance = _gaps(bins, weights)
        spread = np.sqrt(variance)
        size = np.abs(gap)
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = np.where(spread > 0, size / (spread * 2**0.5), np.inf)
        expected = spread * (2 / np.pi) ** 0.5 * np.exp(-(apart**2)) + size * erf(apart)
        total = count.sum(axis=1)
        return np.maximum(ratio((count * (2 * size - expected)).sum(axis=1), total), 0)

    return error


def reliability(bins: ConfidenceBins) -> list[dict[str, object]]:
    """Return a row a bin for a reliability diagram, from the lowest confidence to the highest.

    Returns:
        `count`, `confidence` (mean), `accuracy`, and `low` and `high` of its 95 % interval.
    """
    count, gap, variance = (each[0] for each in _gaps(bins, np.ones((1, len(bins.count)))))
    confidence = ratio(bins.confidence.sum(axis=0), count)
    half = _NORMAL * np.sqrt(variance)
    return [
        {
            "count": int(count[i]),
            "confidence": float(confidence[i]),
            "accuracy": float(confidence[i] + gap[i]),
            "low": float(max(confidence[i] + gap[i] - half[i], 0)),
            "high": float(min(confidence[i] + gap[i] + half[i], 1)),
        }
        for i in np.flatnonzero(count)
    ]


def reliability_table(bins: ConfidenceBins | None) -> dict[str, object]:
    """Return `reliability` as a table of its name, or nothing without probabilities."""
    return {} if bins is None else {"reliability": reliability(bins)}


def _gaps(bins: ConfidenceBins, weights: Array) -> tuple[Array, Array, Array]:
    """Return count, accuracy minus confidence, and its variance in each bin, (r, b) each.

    The variance is that between samples, images or sequences, and at least that of independent
    predictions which are right as often as they are confident.
    """
    difference, n = bins.right - bins.confidence, bins.count
    columns = (n, bins.confidence, difference, difference**2, difference * n, n**2)
    sums = weights @ np.concatenate(columns, axis=1)
    count, confidence, apart, squares, products, sizes = np.split(sums, 6, axis=1)
    filled = np.maximum(count, 1e-12)  # an empty bin weighs nothing
    gap, mean = apart / filled, np.clip(confidence / filled, 0, 1)
    between = (squares - 2 * gap * products + gap**2 * sizes) / filled**2
    return count, gap, np.maximum(between, mean * (1 - mean) / np.maximum(count, 1))


def _compared(y_true: Array, y_pred: Array) -> tuple[Array, Array, Array]:
    """Return confidence, 1 where it is right, and squared error of predictions, (m,) each."""
    places = np.arange(len(y_true))
    chosen = y_pred.argmax(axis=1)
    truth = y_pred[places, y_true].astype("float64")
    error = np.einsum("mk,mk->m", y_pred, y_pred) - 2 * truth + 1
    if y_pred.shape[1] == 2:
        error = error / 2  # that of one of the two, as scikit-learn has it
    confidence = y_pred[places, chosen].astype("float64")
    return confidence, (chosen == y_true).astype("float64"), error


def _cell(confidence: Array) -> Array:
    """Return the cell of each confidence, even in log odds, so that .99 and .999 differ."""
    confidence = np.clip(confidence, 1e-9, 1 - 1e-9)
    odds = np.log(confidence) - np.log1p(-confidence)
    share = (odds - _LOWEST) / (_HIGHEST - _LOWEST)
    return np.clip(share * CELLS, 0, CELLS - 1).astype("int64")


def _bin_of_cells(count: Array) -> Array:
    """Return the bin of each cell, (cells,), such that bins hold about as many predictions."""
    total = count.sum()
    number = int(np.clip(total // PER_BIN, 1, MOST_BINS))
    middle = np.cumsum(count) - count / 2
    bins = np.minimum(middle * number // max(total, 1), number - 1)
    return np.unique(bins, return_inverse=True)[1].reshape(len(count))
