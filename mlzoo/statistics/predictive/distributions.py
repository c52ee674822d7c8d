"""Scores of normal predictive distributions; lower is better.

Gneiting and Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation" (2007).
"""

from __future__ import annotations

import math

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


def nll_normal(y_true: Array, mean: Array, std: Array) -> Array:
    """Return the negative log-likelihood of each value, in nats; `std` is over 0."""
    z = (y_true - mean) / std
    result: Array = z**2 / 2 + np.log(std) + 0.5 * math.log(2 * math.pi)
    return result
