"""Scores of predictive distributions, normal or given by quantiles; lower is better.

Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation" (2007).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlzoo.statistics.scorers import Array


def crps_normal(y_true: Array, mean: Array, std: Array) -> Array:
    """Return the continuous ranked probability score of each value, in its units.

    Args:
        y_true: true values, any shape.
        mean: of the predicted distributions, the same shape.
        std: their standard deviations; at 0 the score is the absolute error.
    """
    from scipy.special import ndtr

    error = y_true - mean
    z = error / np.where(std > 0, std, 1.0)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    score = std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))
    return np.where(std > 0, score, np.abs(error))


def crps_quantiles(y_true: Array, quantiles: Array, levels: Sequence[float]) -> Array:
    """Return the continuous ranked probability score of each value, in its units.

    It is that of the distribution whose cumulative function is linear between the quantiles, with
    what lies beyond the outermost two on these: the integral over all values v of
    (F(v) - [v >= y])^2. Tails that are not predicted are thus not guessed.

    Args:
        y_true: (n, ...) true values, NaN where unknown.
        quantiles: (n, q, ...) of the predicted distributions, ascending along q.
        levels: (q,) of the quantiles, ascending, in (0, 1).
    """
    y = y_true[:, None]
    low, high = quantiles[:, :-1], quantiles[:, 1:]
    width = high - low
    share = np.asarray(levels, "float64").reshape(-1, *(1,) * (y_true.ndim - 1))
    a, b = share[:-1], share[1:]
    part = np.clip((y - low) / np.where(width > 0, width, 1.0), 0, 1)
    # F rises from a to m where y parts a piece, and from m to b behind it.
    m = a + (b - a) * part
    before = part * (a * a + a * m + m * m) / 3
    behind = (1 - part) * ((1 - m) ** 2 + (1 - m) * (1 - b) + (1 - b) ** 2) / 3
    beyond = np.maximum(quantiles[:, 0] - y_true, 0) + np.maximum(y_true - quantiles[:, -1], 0)
    result: Array = (width * (before + behind)).sum(axis=1) + beyond
    return result


def nll_normal(y_true: Array, mean: Array, std: Array) -> Array:
    """Return the negative log-likelihood of each value, in nats; `std` is over 0."""
    z = (y_true - mean) / std
    result: Array = z**2 / 2 + np.log(std) + 0.5 * math.log(2 * math.pi)
    return result
