"""Deep operator network: a branch that reads a field, a trunk that reads coordinates.

Lu et al., "Learning nonlinear operators via DeepONet based on the universal approximation theorem
of operators" (2021). The branch, a network of dense layers, turns the field's values at fixed
sensors into `features` numbers; the trunk turns the coordinates of a point into as many; fields are
sums of their products. What differs: the products are weighed for each field by the head, so that
all fields share branch and trunk; sensors lie on a grid, between whose neighbors values are
interpolated, so that a model takes fields of any resolution. Layer i is `branch{i}` and `trunk{i}`,
the last ones `branch` and `trunk`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TARGETS = ("numbers per pixel",)
_MOST_SENSORS = {1: 128, 2: 32}
"""A side, in one and in two dimensions, unless `sensors` says otherwise."""


class Config(Settings):
    """Settings of deeponet."""

    branch: Sizes = Field(
        (128, 128), json_schema_extra=searched_layers("layers", (1, 3), "units", (32, 256))
    )
    """Units of the branch's hidden layers, comma-separated."""
    trunk: Sizes = (64, 64, 64)
    """Units of the trunk's hidden layers, comma-separated."""
    features: int = Field(64, ge=1, le=4096, json_schema_extra=searched(32, 128, log=True))
    """Outputs of branch and trunk, whose products are summed."""
    sensors: int = Field(0, ge=0, le=1024)
    """Sensors along each side; 0: one at each point of the training fields, at most 128 in one and
    32 in two dimensions."""
    coordinates: Literal["linear", "periodic"] = "linear"
    """linear: the trunk reads the position along each side, from 0 to 1; periodic: its cosine and
    sine, for domains whose ends meet."""
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

    from mlzoo.layers.grids import GridCoordinates, PointProducts, SensorValues

    inputs.require_image("deeponet")
    tensor, x = inputs.start(any_size=True)
    axes = (2,) if inputs.flat else (1, 2)
    most = _MOST_SENSORS[len(axes)]
    sensors = [config.sensors or min(most, side) for side in inputs.shape[:2]]
    if inputs.flat:
        sensors[0] = 1
    branch = SensorValues(sensors, name="sensors")(x)
    branch = keras.layers.Flatten(name="flatten")(branch)
    for number, units in enumerate(config.branch, 1):
        branch = keras.layers.Dense(units, config.activation, name=f"branch{number}")(branch)
    branch = keras.layers.Dense(config.features, name="branch")(branch)
    periodic = config.coordinates == "periodic"
    trunk = GridCoordinates(axes, periodic, alone=True, name="coordinates")(x)
    for number, units in enumerate(config.trunk, 1):
        trunk = keras.layers.Dense(units, config.activation, name=f"trunk{number}")(trunk)
    trunk = keras.layers.Dense(config.features, config.activation, name="trunk")(trunk)
    products = PointProducts(name="products")([branch, trunk])
    return keras.Model(tensor, outputs.head(products), name="deeponet")
