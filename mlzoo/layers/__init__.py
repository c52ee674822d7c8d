"""Custom layers, activations and losses, registered with Keras under "mlzoo".

Importing this package imports them all, so that Keras can deserialise saved models.
"""

from mlzoo.layers import (
    activations,
    adapting,
    decoding,
    field_losses,
    losses,
    padding,
    pixel_losses,
    polynomial,
    pretrained,
    recurrent,
    scaling,
    steps,
    upsampling,
)

__all__ = [
    "activations",
    "adapting",
    "decoding",
    "field_losses",
    "losses",
    "padding",
    "pixel_losses",
    "polynomial",
    "pretrained",
    "recurrent",
    "scaling",
    "steps",
    "upsampling",
]
