"""Random smooth deformations and changes of brightness, of an image together with its mask.

The deformation is that of Ronneberger, Fischer and Brox, "U-Net" (2015): displacements drawn on a
coarse 3x3 grid from a normal distribution of 10 pixels, interpolated between by a cubic. Theirs
are images of 512 pixels; on smaller ones the displacements are smaller, so that nothing folds.
"""

from __future__ import annotations

import cv2
import numpy as np

GRID = 3
SPREAD = 10.0
"""Standard deviation of the displacements in pixels, at most."""
SIDES = 50
"""How many times that deviation must fit into the image's shorter side."""
CONTRAST = 0.3
"""Contrast changes by up to this share."""
BRIGHTNESS = 1.0
"""Brightness moves by up to this many of the image's own standard deviations."""


def displacements(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """How far each pixel's content is fetched from, in pixels: (2, height, width), x and y."""
    spread = min(SPREAD, min(height, width) / SIDES)
    coarse = rng.normal(0, spread, (2, GRID, GRID)).astype(np.float32)
    return np.stack(
        [cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) for grid in coarse]
    )


def deform(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same smooth deformation of both; the mask takes the nearest pixel's class.

    What comes in from beyond the image is its mirror image, in the mask as well.

    Args:
        image: (height, width, channels) uint8, uint16 or float32.
        mask: (height, width) uint8.
        rng: where the displacements come from.
    """
    height, width = mask.shape
    shift_x, shift_y = displacements(height, width, rng)
    x = np.arange(width, dtype=np.float32)[None, :] + shift_x
    y = np.arange(height, dtype=np.float32)[:, None] + shift_y
    border = cv2.BORDER_REFLECT_101
    moved = cv2.remap(np.ascontiguousarray(image), x, y, cv2.INTER_LINEAR, borderMode=border)
    labels = cv2.remap(np.ascontiguousarray(mask), x, y, cv2.INTER_NEAREST, borderMode=border)
    return moved.reshape(image.shape), labels


def tone(image: np.ndarray, maximum: float | None, rng: np.random.Generator) -> np.ndarray:
    """Another brightness and contrast, the same over the whole image.

    Brightness follows the image's own spread, so that what is dark does not become black.

    Args:
        image: (height, width, channels), from 0 to `maximum`.
        maximum: the largest value that a pixel can have; None: any value its type holds.
        rng: where both come from.
    """
    contrast = 1 + rng.uniform(-CONTRAST, CONTRAST)
    middle, spread = (float(each(image, dtype=np.float64)) for each in (np.mean, np.std))
    brightness = rng.uniform(-BRIGHTNESS, BRIGHTNESS) * spread
    changed = (image.astype(np.float32) - middle) * contrast + middle + brightness
    whole = image.dtype.kind in "iu"
    if maximum is not None:
        changed = np.clip(changed, 0, maximum)
    elif whole:
        limits = np.iinfo(image.dtype)
        changed = np.clip(changed, limits.min, limits.max)
    return (np.rint(changed) if whole else changed).astype(image.dtype)
