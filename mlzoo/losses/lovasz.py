"""Lovász-softmax (Berman et al. 2018): a surrogate for the intersection over union."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("classes per pixel", "classes per step")
WHOLE_LABELS = True


class Config(Settings):
    """It has no settings."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._lovasz import Lovasz

    return Lovasz()
