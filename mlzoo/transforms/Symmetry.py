"""One of the eight symmetries of a square, drawn at random; of the four of a rectangle.

Pixels only change places and the image keeps its shape.

Args:
    p: probability of being applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.augmentation.library import albumentations

A = albumentations()
KINDS = ("images",)
ORIENTATION = True


class Symmetry(A.DualTransform):  # type: ignore[name-defined]
    """Turns and mirrors images and masks."""

    class InitSchema(A.BasicTransform.InitSchema):  # type: ignore[name-defined]
        """No parameter beside the probability."""

    _targets = A.SquareSymmetry._targets

    def __init__(self, p: float = 1.0) -> None:
        super().__init__(p=p)

    def get_params_dependent_on_data(
        self, params: dict[str, Any], data: Mapping[str, object]
    ) -> dict[str, object]:
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


build = Symmetry
