"""Mean and standard deviation of targets and inputs, of which constants have the latter as 1."""

from __future__ import annotations

from typing import Any

import numpy as np

# Anything smaller is a constant column seen through rounding errors.
_SMALLEST_SHARE = 1e-6


def mean_and_std(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each column of (n, k) values over what is no NaN."""
    values = values.astype(np.float64)
    mean = np.nanmean(values, axis=0)
    return floats(mean), floats(positive(np.nanstd(values, axis=0), mean))


def floats(values: np.ndarray) -> tuple[float, ...]:
    """Return plain floats."""
    return tuple(float(value) for value in values)


def positive(std: Any, mean: Any) -> Any:
    """Return standard deviations, with 1 for a constant."""
    return np.where(std > _SMALLEST_SHARE * np.abs(mean), std, 1.0)
