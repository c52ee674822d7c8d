"""Cross-entropy: minus the logarithm of the true class's probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes",)
CLASS_WEIGHTS = True


class Config(Settings):
    """It has no settings."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    import keras

    from mlzoo.losses._classes import Focal
    from mlzoo.losses._pixels import PixelCrossentropy

    if outputs.target.per != "sample":
        return PixelCrossentropy(weights=class_weights)
    if mixed:
        return Focal(gamma=0.0, name="crossentropy")
    if outputs.units == 1:
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy()
