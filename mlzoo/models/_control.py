"""Networks of models of control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlzoo.data.specs import Inputs

if TYPE_CHECKING:
    import keras


def features(
    inputs: Inputs, hidden: Sequence[int], filters: Sequence[int], activation: str = "relu"
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input of a network and its features (batch, units).

    Frames pass convolutions and dense layers (Mnih et al. 2015), vectors dense layers alone.

    Args:
        inputs: specification of the observations.
        hidden: units of the dense layers.
        filters: of the 3x3 convolutions.
        activation: of the layers.
    """
    import keras

    from mlzoo.layers.blocks import flat

    tensor, x = inputs.start()
    if len(inputs.shape) == 3:
        for number, count in enumerate(filters, 1):
            name = f"conv{number}"
            x = keras.layers.Conv2D(count, 3, padding="same", activation=activation, name=name)(x)
    if len(x.shape) > 2:
        x = flat(x)
    for number, units in enumerate(hidden, 1):
        x = keras.layers.Dense(units, activation=activation, name=f"hidden{number}")(x)
    return tensor, x
