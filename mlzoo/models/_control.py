"""Networks and settings that models of control share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched
from mlzoo.data.specs import Inputs

if TYPE_CHECKING:
    import keras

TARGETS = ("actions per episode",)


class ControlSettings(Settings):
    """Settings of the network and of the episodes that it learns from."""

    hidden: Sizes = (256,)
    """Units of the dense layers, comma-separated."""
    filters: Sizes = (16, 32)
    """Filters of the 3x3 convolutions before them, where observations are frames."""
    discount: float = Field(0.97, ge=0, le=1)
    """Weight of a reward one step later."""
    environments: int = Field(32, ge=1, json_schema_extra=searched(4, 64, log=True))
    """Episodes that are played side by side."""
    steps: int = Field(6400, ge=1)
    """Steps of the environment in an epoch, in all episodes together."""


def features(
    config: ControlSettings, inputs: Inputs, activation: str = "relu"
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input of a network and its features (batch, units).

    Frames pass two convolutions and a dense layer (Mnih et al. 2015), vectors dense layers alone.

    Args:
        config: the model's settings.
        inputs: specification of the observations.
        activation: of the layers.
    """
    import keras

    from mlzoo.layers.blocks import flat

    tensor, x = inputs.start()
    if len(inputs.shape) == 3:
        for number, count in enumerate(config.filters, 1):
            name = f"conv{number}"
            x = keras.layers.Conv2D(count, 3, padding="same", activation=activation, name=name)(x)
    if len(x.shape) > 2:
        x = flat(x)
    for number, units in enumerate(config.hidden, 1):
        x = keras.layers.Dense(units, activation=activation, name=f"hidden{number}")(x)
    return tensor, x
