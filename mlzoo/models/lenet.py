"""LeNet-like network: two convolutions and a dense layer, for digits and other small images.

LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition"
(1998). What differs: 32 and 64 kernels of 3x3, ReLU, max pooling, dropout, and softmax in place
of radial basis functions. The convolutions are `conv1` and `conv2`, the dense layer is `dense1`.
A 28x28x1 image and 10 classes make 225,034 parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Activation, searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

_SMALLEST = 10


class Config(Settings):
    """Settings of lenet."""

    dense: int = Field(128, ge=1, le=65_536, json_schema_extra=searched(32, 256, log=True))
    """Units of the dense layer."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    dropout: float = Field(0.25, ge=0, lt=1, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped after the convolutions."""
    dense_dropout: float = Field(0.5, ge=0, lt=1, json_schema_extra=searched(0.0, 0.6))
    """Share of features dropped after the dense layer."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image, or an image under 10x10.
    """
    import keras

    from mlzoo.layers.blocks import activate, dense, dropout, flat, regularizer
    from mlzoo.layers.convolutions import convolution, require_sides

    inputs.require_image("lenet")
    require_sides(inputs.shape, "lenet", _SMALLEST)
    tensor, x = inputs.start()
    for number, filters in enumerate((32, 64), 1):
        x = convolution(
            x,
            filters,
            3,
            name=f"conv{number}",
            padding="valid",
            activation=config.activation,
            l2=config.l2,
        )
        x = activate(x, config.activation, f"conv{number}_activation")
        x = keras.layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = dropout(config.activation, config.dropout, "dropout")(x)
    x = dense(flat(x), config.dense, config.activation, name="dense1", l2=config.l2)
    x = dropout(config.activation, config.dense_dropout, "dense_dropout")(x)
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    return keras.Model(tensor, output, name="lenet")
