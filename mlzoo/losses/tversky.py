"""Tversky loss (Salehi et al. 2017): Dice with a cost of its own for what is missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes per pixel", "classes per step")


class Config(Settings):
    """Settings of the Tversky loss."""

    tversky_beta: float = Field(0.7, ge=0, le=1)
    """Cost of a false negative; a false positive costs the rest."""
    smooth: float = Field(1.0, gt=0)
    """True positives added to each class. With less, a class that an image lacks costs almost all
    of its share under any softmax, without a gradient to follow."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._overlap import Tversky

    return Tversky(config.tversky_beta, config.smooth)
