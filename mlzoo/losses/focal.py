"""Focal loss (Lin et al. 2017): cross-entropy with less weight on what is right already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes",)
CLASS_WEIGHTS = True


class Config(Settings):
    """Settings of the focal loss."""

    focal_gamma: float = Field(2.0, ge=0)
    """Focusing exponent; 0 is cross-entropy."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._classes import Focal
    from mlzoo.losses._pixels import PixelCrossentropy

    if outputs.target.per != "sample":
        return PixelCrossentropy(config.focal_gamma, class_weights, name="focal")
    return Focal(gamma=config.focal_gamma)
