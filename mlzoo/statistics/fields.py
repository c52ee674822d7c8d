"""Sums of fields of numbers over the pixels of each image, so that images can be left out.

Of restored images also peak signal-to-noise ratio and structural similarity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Array, Scorer, ratio, weighted_mean

_LEAST = 1e-10
"""Mean squared error below which the signal-to-noise ratio stays at 100 dB."""
_SIGMA, _RADIUS = 1.5, 5
_C1, _C2 = 0.01**2, 0.03**2


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


def psnr(squared_error: Array) -> Array:
    """Return the peak signal-to-noise ratio in dB of mean squared errors of pixels from 0 to 1."""
    return -10 * np.log10(np.maximum(squared_error, _LEAST))


def ssim(truth: Array, predicted: Array) -> float:
    """Return the mean structural similarity of two images with values from 0 to 1, at most 1.

    Means, variances and covariance are weighted by a Gaussian of 11x11 pixels (standard deviation
    1.5); windows that reach beyond the image are left out where it has others. Channels are
    averaged.

    Args:
        truth: (height, width, channels).
        predicted: the same shape.

    Source:
        Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to
        Structural Similarity" (2004).
    """
    from scipy.ndimage import gaussian_filter

    x, y = (np.asarray(image, "float64") for image in (truth, predicted))

    def local(values: Array) -> Array:
        return gaussian_filter(values, (_SIGMA, _SIGMA, 0), radius=(_RADIUS, _RADIUS, 0))

    mean_x, mean_y = local(x), local(y)
    variances = local(x * x) - mean_x**2 + local(y * y) - mean_y**2
    covariance = local(x * y) - mean_x * mean_y
    brightness = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    similarity = brightness * (2 * covariance + _C2) / (variances + _C2)
    inside = tuple(
        slice(_RADIUS, -_RADIUS) if side > 2 * _RADIUS else slice(None) for side in x.shape[:2]
    )
    return float(similarity[inside].mean())


@dataclass(frozen=True)
class RestorationSums(FieldSums):
    """Sums of n restored images, and the structural similarity of each.

    Attributes:
        similarity: (n,) as `ssim` returns it; NaN where it is not known.
    """

    similarity: Array

    def image_errors(self) -> Array:
        """Return the mean squared error (n,) of each image."""
        total = self.sums.sum(axis=1)
        return np.asarray(total[:, 1] / np.maximum(total[:, 0], 1))

    def mean_psnr(self) -> Scorer:
        """Return the mean over images of their signal-to-noise ratio."""
        return weighted_mean(psnr(self.image_errors()))

    def mean_similarity(self) -> Scorer:
        """Return the mean over images of their structural similarity."""
        return weighted_mean(self.similarity)
