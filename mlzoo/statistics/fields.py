"""Sums of fields of numbers over the pixels of each image, so that images can be left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Array, Scorer, ratio


def count(truth: Array, predicted: Array) -> Array:
    """Return one image's sums (k, 5): count, squared and absolute errors, targets, their squares.

    Args:
        truth: (height, width, k), NaN where a value is ignored.
        predicted: the same shape.
    """
    known = ~np.isnan(truth)
    y = np.where(known, truth, 0).astype("float64")
    error = np.where(known, predicted - y, 0).astype("float64")
    each = (known, error**2, np.abs(error), y, y**2)
    return np.stack([values.sum(axis=(0, 1)) for values in each], axis=-1)


@dataclass(frozen=True)
class FieldSums:
    """Sums (n, k, 5) of n images and k fields, as `count` returns them."""

    sums: Array

    def totals(self, weights: Array) -> Array:
        """Return the sums (b, k, 5) of images with weights (b, n)."""
        flat = self.sums.reshape(len(self.sums), -1)
        return (weights @ flat).reshape(len(weights), *self.sums.shape[1:])

    def mean_error(self, error: Callable[[Array], Array]) -> Scorer:
        """Return the mean over all values of `np.square` or `np.abs` of the differences."""
        columns: dict[Any, int] = {np.square: 1, np.abs: 2}
        column = columns[error]

        def score(weights: Array) -> Array:
            total = self.totals(weights).sum(axis=1)
            return ratio(total[:, column], total[:, 0])

        return score
