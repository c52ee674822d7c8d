"""Jaccard loss (Rahman and Wang 2016): 1 - |A and B| / |A or B|, a mean over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes per pixel", "classes per step")


class Config(Settings):
    """Treatment of classes that are absent."""

    smooth: float = Field(1.0, gt=0)
    """True positives added to each class. With less, a class that an image lacks costs almost all
    of its share under any softmax, without a gradient to follow."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._overlap import IoU

    return IoU(config.smooth)
