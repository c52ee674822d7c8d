"""Distances of samples to the nearest training samples, in whitened features.

Features that lie apart from those of training samples are a sign of inputs that a model does not
know (Sun et al., Out-of-Distribution Detection with Deep Nearest Neighbors, 2022). They are
whitened by the covariance of the training samples, as in a Mahalanobis distance (Lee et al., A
Simple Unified Framework for Detecting Out-of-Distribution Samples, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_AXES = 256
"""Principal axes of a block of features that are kept, at most."""
_FLOOR = 1e-3
"""Smallest variance that an axis is scaled by, as a share of the largest."""
_AT_ONCE = 512


@dataclass(frozen=True)
class FeatureWhitening:
    """A linear map to features of unit variance along the principal axes of training features.

    Attributes:
        mean: (d,) of the training features.
        axes: for each block of features the scaled axes (width, q); the widths add up to d.
    """

    mean: np.ndarray
    axes: tuple[np.ndarray, ...]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return whitened features (n, q), float32; each block has the same weight.

        Args:
            features: (n, d).
        """
        ends = np.cumsum([len(axes) for axes in self.axes])[:-1]
        blocks = np.split(features.astype("float32") - self.mean, ends, axis=1)
        return np.concatenate([b @ axes for b, axes in zip(blocks, self.axes, strict=True)], axis=1)


def whitening(features: np.ndarray, widths: Sequence[int]) -> FeatureWhitening:
    """Return the whitening of training features.

    Args:
        features: (m, d), finite.
        widths: of the blocks of features, which are whitened by themselves; they add up to d.
    """
    mean = features.mean(axis=0, dtype="float64")
    centered = features - mean
    axes = [_axes(block) for block in np.split(centered, np.cumsum(widths)[:-1], axis=1)]
    return FeatureWhitening(mean.astype("float32"), tuple(axes))


def _axes(centered: np.ndarray) -> np.ndarray:
    """Return the principal axes (width, q) of a block, over their deviations and sqrt(width)."""
    _, singular, axes = np.linalg.svd(centered, full_matrices=False)
    variance = singular[:MOST_AXES] ** 2 / max(len(centered) - 1, 1)
    floor = max(_FLOOR * variance[0], np.finfo("float32").tiny)
    scale = np.sqrt(np.maximum(variance, floor) * centered.shape[1])
    return np.asarray(axes[:MOST_AXES].T / scale, "float32")


def nearest(
    features: np.ndarray, training: np.ndarray, count: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (n, count) of the nearest training samples, and their distances.

    Args:
        features: (n, q).
        training: (m, q).
        count: how many, nearest first; at most m.
    """
    training = training.astype("float32")
    squares = (training**2).sum(axis=1)
    positions, distances = [], []
    for start in range(0, len(features), _AT_ONCE):
        part = features[start : start + _AT_ONCE]
        apart = (part**2).sum(axis=1)[:, None] + squares - 2 * part @ training.T
        if count < len(training):
            chosen = np.argpartition(apart, count - 1, axis=1)[:, :count]
        else:
            chosen = np.tile(np.arange(len(training)), (len(part), 1))
        # Differences lose no digits where a sample and its neighbor nearly agree.
        exact = np.sqrt(((part[:, None] - training[chosen]) ** 2).sum(axis=2))
        order = np.argsort(exact, axis=1, kind="stable")
        positions.append(np.take_along_axis(chosen, order, axis=1))
        distances.append(np.take_along_axis(exact, order, axis=1))
    return np.concatenate(positions), np.concatenate(distances)
