"""Imputation of removed pixels from their neighbors, as in ROAD, in a few sweeps.

ROAD (Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods", 2022)
sets every removed pixel to the weighted mean of its eight neighbors, 1/6 beside and 1/12 across,
which is a sparse linear system. Solved level by level: pixels are averaged down to one, spread up
again (Gortler et al., "The Lumigraph", 1996), and smoothed by sweeps of that equation.
"""

from __future__ import annotations

import numpy as np

SWEEPS = 8
NOISE = 0.01
"""Spread of the noise on what is filled in, as a share of the image's range; as in the paper."""
_BESIDE, _ACROSS = 1 / 6, 1 / 12


def fill(images: np.ndarray, gone: np.ndarray, sweeps: int = SWEEPS, depth: int = 1) -> np.ndarray:
    """Return images with removed pixels imputed from their neighbors.

    Args:
        images: (n, height, width, channels).
        gone: (n, height, width), true where a pixel is removed.
        sweeps: of the equation, at each level.
        depth: slices of a volume, one below the other in its image, each filled on its own.
    """
    height, width, channels = images.shape[1:]
    known = (~gone).astype("float32").reshape(-1, height // depth, width, 1)
    slices = np.asarray(images, "float32").reshape(*known.shape[:3], channels)
    return _level(slices * known, known, sweeps).reshape(images.shape)


def _level(values: np.ndarray, known: np.ndarray, sweeps: int) -> np.ndarray:
    """`values` where `known` is 1, and below that what coarser levels say."""
    height, width = values.shape[1:3]
    if max(height, width) == 1:
        return values
    total, weight = _halved(values * known), _halved(known)
    # A coarse pixel is known as far as those it stands for are.
    coarse_known = np.minimum(weight, 1)
    coarse = np.where(weight > 0, total / np.maximum(weight, 1e-6), 0)
    coarse = _level(coarse, coarse_known, sweeps)
    guess = coarse.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    filled = known * values + (1 - known) * guess
    free = known < 1
    for _ in range(sweeps):
        filled = np.where(free, known * values + (1 - known) * _neighbors(filled), filled)
    return filled


def _halved(values: np.ndarray) -> np.ndarray:
    """Sums of squares of two by two, odd sides padded with zeros."""
    height, width = values.shape[1:3]
    padded = np.pad(values, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    rows = padded[:, ::2] + padded[:, 1::2]
    return rows[:, :, ::2] + rows[:, :, 1::2]


def _neighbors(values: np.ndarray) -> np.ndarray:
    """Return the weighted mean of each pixel's neighbors; there are none beyond the edge."""
    height, width = values.shape[1:3]
    return _summed(values) / _summed(np.ones((1, height, width, 1), "float32"))


def _summed(values: np.ndarray) -> np.ndarray:
    around = np.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
    column = around[:, :-2] + around[:, 2:]  # above and below
    beside = around[:, 1:-1, :-2] + around[:, 1:-1, 2:] + column[:, :, 1:-1]
    across = column[:, :, :-2] + column[:, :, 2:]
    return _BESIDE * beside + _ACROSS * across
