"""Turns, zoom, shifts and shear about the image's center, as albumentations' Affine.

The same parameters, draws and pixels; only less is asked before OpenCV is called.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mlzoo.augmentation.library import albumentations
from mlzoo.transforms._channels import by_four

A = albumentations()
KINDS = ("images",)


class Affine(A.Affine):  # type: ignore[name-defined]
    """Warps images and masks by one matrix."""

    def apply(self, img: np.ndarray, matrix: Any = None, **params: Any) -> np.ndarray:
        """The image (height, width, channels), interpolated as the parameters say."""
        return self._warp(img, matrix, self.interpolation, self.fill, params["output_shape"])

    def apply_to_mask(self, mask: np.ndarray, matrix: Any = None, **params: Any) -> np.ndarray:
        """The mask; each pixel keeps a value that the mask had."""
        how, fill = self.mask_interpolation, self.fill_mask
        return self._warp(mask, matrix, how, fill, params["output_shape"])

    def _warp(
        self, image: np.ndarray, matrix: np.ndarray, how: int, fill: Any, shape: Any
    ) -> np.ndarray:
        height, width = (round(side) for side in shape[:2])
        values = (fill,) * 4 if np.isscalar(fill) else fill

        def warp(part: np.ndarray) -> np.ndarray:
            warped = cv2.warpAffine(
                part,
                matrix[:2],
                (width, height),
                flags=how,
                borderMode=self.border_mode,
                borderValue=values,
            )
            return warped.reshape(height, width, *part.shape[2:])

        return by_four(warp, image)


build = Affine
