"""Median of the pixels around each, in a window chosen on training images."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("numbers per pixel",)
LEARNS = True
FAST = True
_SIDES = (3, 5, 7)
_IMAGES = 16
"""Training images that the window is chosen on, at most."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the median filter for images to restore."""
    if not data.samples.target.restores or not len(data.train):
        return None
    some = np.unique(np.linspace(0, len(data.train) - 1, _IMAGES).astype(int)).tolist()
    pairs = [(data.train.image(position), data.train.target(position)) for position in some]

    def error(side: int) -> float:
        return float(np.mean([np.nanmean((filtered(x, side) - y) ** 2) for x, y in pairs]))

    best = min(_SIDES, key=error)
    return Baseline(lambda image: filtered(image, best), f"of {best}x{best} pixels")


def filtered(image: np.ndarray, side: int) -> np.ndarray:
    """Return the median of side x side pixels around each of an image (height, width, channels)."""
    return np.asarray(median_filter(image, size=(side, side, 1), mode="nearest"))
