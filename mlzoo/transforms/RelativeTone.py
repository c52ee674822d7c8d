"""Another brightness and contrast, relative to the image's own mean and spread.

So what is dark on the whole does not become black.

Args:
    contrast: contrast changes by up to this share.
    brightness: brightness moves by up to this many of the image's standard deviations.
    p: probability of being applied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.augmentation.library import albumentations

A = albumentations()
KINDS = ("images",)


class RelativeTone(A.ImageOnlyTransform):  # type: ignore[name-defined]
    """Changes the tone of images."""

    class InitSchema(A.BasicTransform.InitSchema):  # type: ignore[name-defined]
        """Checked parameters."""

        contrast: float
        brightness: float

    def __init__(self, contrast: float = 0.3, brightness: float = 1.0, p: float = 0.5) -> None:
        super().__init__(p=p)
        self.contrast, self.brightness = contrast, brightness

    def get_params(self) -> dict[str, object]:
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


build = RelativeTone
