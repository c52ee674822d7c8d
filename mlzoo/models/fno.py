"""Fourier neural operator: learned factors for low frequencies, for fields of any resolution.

Li et al., "Fourier neural operator for parametric partial differential equations" (2021). The
channels and the coordinates of each point are lifted to `width` features; each of `layers` adds a
convolution whose kernel is learned by frequency to a map of each point (1x1 convolution), followed
by an activation but in the last; two maps of each point project to the fields. No weight depends
on the number of points: trained at one resolution, a model takes fields of another. What differs:
coordinates of point i of n are i / n, and frequencies run from -(modes - 1) to modes - 1 along the
height. Fields of one dimension are images of a single row. Layer i is `spectral{i}` and `local{i}`,
whose sum is `sum{i}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TARGETS = ("numbers per pixel",)


class Config(Settings):
    """Settings of fno."""

    width: int = Field(32, ge=1, le=1024, json_schema_extra=searched(16, 64, log=True))
    """Features of each point; 64 in one and 32 in two dimensions in the paper."""
    modes: int = Field(12, ge=1, le=256, json_schema_extra=searched(6, 20))
    """Frequencies along each side, from 0; 16 in one and 12 in two dimensions in the paper. A map
    of fewer than twice as many points a side leaves out the highest."""
    layers: int = Field(4, ge=1, le=12, json_schema_extra=searched(2, 5))
    """Spectral layers; 4 in the paper."""
    projection: int = Field(128, ge=1, le=4096)
    """Features between the last layer and the fields."""
    coordinates: Literal["linear", "periodic", "none"] = "linear"
    """Channels beside the fields: linear: the position along each side, from 0 to 1; periodic: its
    cosine and sine, for domains whose ends meet; none."""
    activation: Literal["gelu", "relu", "tanh", "silu"] = "gelu"
    """gelu, relu, tanh or silu; relu in the paper."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, height, width, units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image.
    """
    import keras

    from mlzoo.layers.grids import GridCoordinates
    from mlzoo.layers.spectral import SpectralConvolution

    def pointwise(units: int, name: str) -> keras.layers.Layer:
        return keras.layers.Conv2D(units, 1, name=name)

    def activation(name: str) -> keras.layers.Layer:
        return keras.layers.Activation(config.activation, name=name)

    inputs.require_image("fno")
    tensor, x = inputs.start(any_size=True)
    modes = (1 if inputs.flat else config.modes, config.modes)
    if config.coordinates != "none":
        axes = (2,) if inputs.flat else (1, 2)
        periodic = config.coordinates == "periodic"
        x = GridCoordinates(axes, periodic, name="coordinates")(x)
    x = pointwise(config.width, "lifting")(x)
    for number in range(1, config.layers + 1):
        spectral = SpectralConvolution(config.width, modes, name=f"spectral{number}")(x)
        local = pointwise(config.width, f"local{number}")(x)
        x = keras.layers.Add(name=f"sum{number}")([spectral, local])
        if number < config.layers:
            x = activation(f"activation{number}")(x)
    x = activation("projection_activation")(pointwise(config.projection, "projection")(x))
    return keras.Model(tensor, outputs.head(x), name="fno")
