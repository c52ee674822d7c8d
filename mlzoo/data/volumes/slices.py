"""Volumes as images of their slices, one below the other, and back.

A volume (depth, height, width, channels) is held as (depth * height, width, channels): the same
numbers in the same order. What is said of pixels, such as a class, is so said of voxels.
"""

from __future__ import annotations

import numpy as np

from mlzoo.core.errors import DataError

SHOWN = 8
"""Slices of a volume that a picture shows."""


def stacked(volumes: np.ndarray) -> np.ndarray:
    """Return volumes (n, depth, height, width, ...) as images (n, depth * height, width, ...)."""
    count, depth, height = volumes.shape[:3]
    return volumes.reshape(count, depth * height, *volumes.shape[3:])


def slices_of(image: np.ndarray, depth: int) -> np.ndarray:
    """Return the slices (depth, height, width, ...) of an image of them (depth * height, ...)."""
    return image.reshape(depth, len(image) // depth, *image.shape[1:])


def side_by_side(image: np.ndarray, depth: int, chosen: np.ndarray | None = None) -> np.ndarray:
    """Return slices of a volume from left to right, (height, slices * width, ...).

    Args:
        image: (depth * height, width, ...), the slices one below the other.
        depth: their number.
        chosen: positions of those that are shown; by default up to `SHOWN`, evenly spaced.
    """
    if chosen is None:
        chosen = np.unique(np.linspace(0, depth - 1, SHOWN).round().astype(int))
    return np.concatenate(list(slices_of(image, depth)[chosen]), axis=1)


def shown(images: np.ndarray, depth: int) -> np.ndarray:
    """Return images (n, height, width, ...) as pictures show them: slices side by side.

    Args:
        images: of volumes or not.
        depth: slices of a volume; 0: they are no volumes.
    """
    return np.stack([side_by_side(each, depth) for each in images]) if depth else images


def with_channels(x: np.ndarray, what: str) -> np.ndarray:
    """Return volumes (n, depth, height, width, channels); the last axis may lack where it is one.

    Raises:
        DataError: other axes, or values that are no numbers.
    """
    if x.ndim == 4:
        x = x[..., None]
    if x.ndim != 5 or x.dtype.kind not in "biuf" or not x.size:
        raise DataError(
            f"{what}: volumes are numbers (n, depth, height, width) or (n, depth, height, width, "
            f"channels), but got {x.shape} {x.dtype}"
        )
    return x


def as_trained_slices(x: np.ndarray, depth: int, what: str) -> np.ndarray:
    """Return new volumes as images (n, depth * height, width, channels).

    Args:
        x: (n, depth, height, width[, channels]).
        depth: slices of the volumes that a model was trained on.
        what: how messages call the array.

    Raises:
        DataError: they are no volumes, or have another number of slices.
    """
    volumes = with_channels(x, what)
    if volumes.shape[1] != depth:
        raise DataError(
            f"{what}: volumes have {volumes.shape[1]} slices, but the model takes {depth}; cut or "
            "resample them"
        )
    return stacked(volumes)
