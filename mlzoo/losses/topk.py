"""Top-k loss: cross-entropy of each sample's hardest pixels alone (Wu et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes per pixel", "classes per step")
CLASS_WEIGHTS = True


class Config(Settings):
    """Settings of the topk loss."""

    top_share: float = Field(0.1, gt=0, le=1)
    """Share of an image's pixels, the hardest ones, that are taken."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._pixels import PixelCrossentropy

    return PixelCrossentropy(weights=class_weights, share=config.top_share, name="topk")
