"""Our own transforms of images, in albumentations' terms, so that policies mix both freely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from mlzoo.transforms._albumentations import albumentations

A = albumentations()


class Symmetry(A.DualTransform):  # type: ignore[name-defined]
    """One of the eight symmetries of a square, drawn at random; of the four of a rectangle.

    Pixels only change places and the image keeps its shape.

    Args:
        p: probability of being applied.
    """

    class InitSchema(A.BasicTransform.InitSchema):  # type: ignore[name-defined]
        """No parameter beside the probability."""

    _targets = A.SquareSymmetry._targets

    def __init__(self, p: float = 1.0) -> None:
        super().__init__(p=p)

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
        """Which symmetry; one number is drawn."""
        choice = int(self.random_generator.integers(8))
        height, width = params["shape"][:2]
        turns = choice >> 1
        return {"turns": turns if height == width else 2 * (turns & 1), "mirror": choice & 1}

    def apply(self, img: np.ndarray, turns: int = 0, mirror: int = 0, **params: Any) -> np.ndarray:
        """The image or mask (height, width, ...) turned and mirrored."""
        turned = np.rot90(img, turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)

    def apply_to_mask(self, mask: np.ndarray, *args: Any, **params: Any) -> np.ndarray:
        """The same for the mask."""
        return self.apply(mask, **params)


class SmoothDeformation(A.DualTransform):  # type: ignore[name-defined]
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

    class InitSchema(A.BasicTransform.InitSchema):  # type: ignore[name-defined]
        """Checked parameters."""

        grid: int
        spread: float

    _targets = A.SquareSymmetry._targets

    def __init__(self, grid: int = 3, spread: float = 10.0, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.grid, self.spread = grid, spread

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: dict[str, Any]
    ) -> dict[str, Any]:
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


class Affine(A.Affine):  # type: ignore[name-defined]
    """Turns, zoom, shifts and shear about the image's center, as albumentations' Affine.

    The same parameters, draws and pixels; only less is asked before OpenCV is called.
    """

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

        return _by_four(warp, image)


def _by_four(change: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Apply to any number of channels what OpenCV does to four at most."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels <= 4:
        return change(np.ascontiguousarray(image))
    groups = np.split(image, range(4, channels, 4), axis=2)
    return np.concatenate([change(np.ascontiguousarray(group)) for group in groups], axis=2)


def _remap(image: np.ndarray, x: np.ndarray, y: np.ndarray, how: int) -> np.ndarray:
    def moved(part: np.ndarray) -> np.ndarray:
        return cv2.remap(part, x, y, how, borderMode=cv2.BORDER_REFLECT_101).reshape(part.shape)

    return _by_four(moved, image)


class RelativeTone(A.ImageOnlyTransform):  # type: ignore[name-defined]
    """Another brightness and contrast, relative to the image's own mean and spread.

    So what is dark on the whole does not become black.

    Args:
        contrast: contrast changes by up to this share.
        brightness: brightness moves by up to this many of the image's standard deviations.
        p: probability of being applied.
    """

    class InitSchema(A.BasicTransform.InitSchema):  # type: ignore[name-defined]
        """Checked parameters."""

        contrast: float
        brightness: float

    def __init__(self, contrast: float = 0.3, brightness: float = 1.0, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.contrast, self.brightness = contrast, brightness

    def get_params(self) -> dict[str, Any]:
        """By how much each changes."""
        return {
            "factor": 1 + self.random_generator.uniform(-self.contrast, self.contrast),
            "shift": self.random_generator.uniform(-self.brightness, self.brightness),
        }

    def apply(
        self, img: np.ndarray, factor: float = 1.0, shift: float = 0.0, **params: Any
    ) -> np.ndarray:
        """The image, uint8 or float32 from 0 to 1."""
        middle, spread = (float(each(img, dtype=np.float64)) for each in (np.mean, np.std))
        changed = (img.astype(np.float32) - middle) * factor + middle + shift * spread
        whole = img.dtype == np.uint8
        changed = np.clip(changed, 0, 255 if whole else 1)
        return (np.rint(changed) if whole else changed).astype(img.dtype)


TRANSFORMS = (Affine, Symmetry, SmoothDeformation, RelativeTone)
