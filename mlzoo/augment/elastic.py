"""Random smooth deformations and changes of brightness, of an image together with its mask.

The deformation is that of Ronneberger, Fischer and Brox, "U-Net" (2015): displacements drawn on a
coarse grid from a normal distribution of 10 pixels, interpolated between by a cubic.
"""

from __future__ import annotations

import cv2
import numpy as np

GRID = 3
SPREAD = 10.0
"""Standard deviation of the displacements, in pixels."""
TONE = 0.2
"""Brightness moves by up to this share of the image's range, contrast by up to this factor."""


def deform(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The same smooth deformation of both; the mask takes the nearest pixel's class.

    What comes in from beyond the image is its mirror image, in the mask as well.

    Args:
        image: (height, width, channels).
        mask: (height, width) uint8.
        rng: where the displacements come from.
    """
    height, width = mask.shape
    coarse = rng.normal(0, SPREAD, (2, GRID, GRID)).astype(np.float32)
    shift_x, shift_y = (
        cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) for grid in coarse
    )
    x = np.arange(width, dtype=np.float32)[None, :] + shift_x
    y = np.arange(height, dtype=np.float32)[:, None] + shift_y
    border = cv2.BORDER_REFLECT_101
    moved = cv2.remap(np.ascontiguousarray(image), x, y, cv2.INTER_LINEAR, borderMode=border)
    labels = cv2.remap(np.ascontiguousarray(mask), x, y, cv2.INTER_NEAREST, borderMode=border)
    return moved.reshape(image.shape), labels


def tone(image: np.ndarray, maximum: float, rng: np.random.Generator) -> np.ndarray:
    """Another brightness and contrast, the same over the whole image.

    Args:
        image: (height, width, channels), from 0 to `maximum`.
        maximum: the largest value that a pixel can have.
        rng: where both come from.
    """
    contrast, brightness = 1 + rng.uniform(-TONE, TONE), rng.uniform(-TONE, TONE) * maximum
    middle = float(image.mean())
    changed = (image.astype(np.float32) - middle) * contrast + middle + brightness
    clipped = np.clip(changed, 0, maximum)
    return (np.rint(clipped) if image.dtype.kind == "u" else clipped).astype(image.dtype)
