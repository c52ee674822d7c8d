"""Binary cross-entropy of each label, their mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("labels",)


class Config(Settings):
    """It has no settings."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss; mixed labels are shares."""
    import keras

    return keras.losses.BinaryCrossentropy()
