"""Displacements drawn on a coarse grid, interpolated by a cubic; the mask takes the nearest.

The deformation of Ronneberger, Fischer and Brox, "U-Net" (2015): a 3x3 grid and a normal
distribution of 10 pixels, on images of 512 pixels. On smaller ones the displacements are
smaller, so that nothing folds. What comes in from beyond the image is its mirror image.

Args:
    grid: nodes a side.
    spread: standard deviation of the displacements in pixels, at most; it is also held under
        a fiftieth of the shorter side.
    p: probability of being applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from mlzoo.augmentation.library import albumentations
from mlzoo.transforms._channels import by_four

A = albumentations()
KINDS = ("images",)


class SmoothDeformation(A.DualTransform):  # type: ignore[name-defined]
    """Moves the pixels of images and masks."""

    class InitSchema(A.BasicTransform.InitSchema):  # type: ignore[name-defined]
        """Checked parameters."""

        grid: int
        spread: float

    _targets = A.SquareSymmetry._targets

    def __init__(self, grid: int = 3, spread: float = 10.0, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.grid, self.spread = grid, spread

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: Mapping[str, object]
    ) -> dict[str, object]:
        """Where each pixel's content is fetched from: two maps (height, width)."""
        height, width = params["shape"][:2]
        spread = min(self.spread, min(height, width) / 50)
        coarse = self.random_generator.normal(0, spread, (2, self.grid, self.grid))
        shift_x, shift_y = (
            cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
            for grid in coarse.astype(np.float32)
        )
        x = np.arange(width, dtype=np.float32)[None, :] + shift_x
        y = np.arange(height, dtype=np.float32)[:, None] + shift_y
        return {"x": x, "y": y}

    def apply(self, img: np.ndarray, x: Any = None, y: Any = None, **params: Any) -> np.ndarray:
        """The image, linearly interpolated, of any number of channels."""
        return _remap(img, x, y, cv2.INTER_LINEAR)

    def apply_to_mask(
        self, mask: np.ndarray, *args: Any, x: Any = None, y: Any = None, **params: Any
    ) -> np.ndarray:
        """The mask; each pixel keeps a value that the mask had."""
        return _remap(mask, x, y, cv2.INTER_NEAREST)


def _remap(image: np.ndarray, x: np.ndarray, y: np.ndarray, how: int) -> np.ndarray:
    def moved(part: np.ndarray) -> np.ndarray:
        return cv2.remap(part, x, y, how, borderMode=cv2.BORDER_REFLECT_101).reshape(part.shape)

    return by_four(moved, image)


build = SmoothDeformation
