"""Cross-entropy: minus the logarithm of the true class's probability."""

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
    """Share of the target that is not the true class."""

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of each target that all classes have in equal parts, such as 0.1 (Szegedy et al.,
    "Rethinking the Inception architecture for computer vision", 2016)."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    import keras

    from mlzoo.losses._classes import Focal
    from mlzoo.losses._pixels import PixelCrossentropy

    if outputs.target.per != "sample":
        return PixelCrossentropy(weights=class_weights, smoothing=config.label_smoothing)
    if mixed or config.label_smoothing:
        return Focal(gamma=0.0, smoothing=config.label_smoothing, name="crossentropy")
    if outputs.units == 1:
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy()
