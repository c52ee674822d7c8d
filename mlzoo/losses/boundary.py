"""Boundary loss (Kervadec et al. 2019): distance of what is predicted to the true outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes per pixel",)
WHOLE_LABELS = True
PLANAR = True


class Config(Settings):
    """Settings of the boundary loss."""

    radius: int = Field(16, ge=1, le=256)
    """Greatest distance that is told apart, in pixels; the time it takes grows with it."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._boundary import Boundary

    return Boundary(config.radius)
