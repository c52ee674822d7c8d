"""AlexNet: five convolutions and two wide dense layers, for photographs from 63x63 up.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks" (2012), in the one-tower form of Krizhevsky, "One weird trick for parallelizing
convolutional neural networks" (2014): 64, 192, 384, 256 and 256 kernels. What differs from it:
no local response normalization, and He's initialization. The convolutions are `conv1` to
`conv5`; they map 227x227x3 to 6x6x256 with 2,469,696 parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

_SMALLEST = 63
# Kernels, their side, their stride, whether the map is pooled after them.
_CONVOLUTIONS = (
    (64, 11, 4, True),
    (192, 5, 1, True),
    (384, 3, 1, False),
    (256, 3, 1, False),
    (256, 3, 1, True),
)


class Config(Settings):
    """Settings of alexnet."""

    dense: Sizes = Field(
        (4096, 4096),
        json_schema_extra=searched_layers("dense_layers", (1, 2), "units", (256, 4096)),
    )
    """Units of the dense layers, comma-separated."""
    dropout: float = Field(0.5, ge=0, lt=1, json_schema_extra=searched(0.0, 0.7))
    """Share of features dropped before each dense layer."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights (5e-4 in the paper)."""
    weights: str = "none"
    """Weights to begin with: none (drawn), or an .npz file of arrays `conv1/kernel` (height, width,
    channels, kernels), `conv1/bias`, ..., `dense1/kernel` (inputs, units), ...; layers that it does
    not hold are drawn, and so is a head for other classes."""
    train: Literal["all", "dense"] = "all"
    """Layers that are trained: all, or only those behind the convolutions."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image, or an image under 63x63; there is no file of weights.
        DataError: the file of weights is not of these layers.
    """
    import keras

    from mlzoo.layers.blocks import dense, flat, regularizer
    from mlzoo.layers.convolutions import require_sides
    from mlzoo.layers.named_weights import load_named

    inputs.require_image("alexnet")
    require_sides(inputs.shape, "alexnet", _SMALLEST)
    tensor, scaled = inputs.start()
    x = flat(_convolutions(scaled, config.l2))
    for number, units in enumerate(config.dense, 1):
        x = keras.layers.Dropout(config.dropout, name=f"dropout{number}")(x)
        x = dense(x, units, "relu", name=f"dense{number}", l2=config.l2)
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    model = keras.Model(tensor, output, name="alexnet")
    if config.weights != "none":
        load_named(model, config.weights, open_ended=("head",))
    if config.train == "dense":
        for number in range(1, len(_CONVOLUTIONS) + 1):
            model.get_layer(f"conv{number}").trainable = False
    return model


def _convolutions(x: keras.KerasTensor, l2: float) -> keras.KerasTensor:
    """Map (batch, 227, 227, 3) to (batch, 6, 6, 256)."""
    import keras

    from mlzoo.layers.blocks import activate
    from mlzoo.layers.convolutions import convolution

    # Two pixels around the image, fewer than half a kernel.
    x = keras.layers.ZeroPadding2D(2, name="conv1_pad")(x)
    for number, (filters, kernel, stride, pooled) in enumerate(_CONVOLUTIONS, 1):
        name = f"conv{number}"
        padding = "valid" if number == 1 else "same"
        x = convolution(x, filters, kernel, name=name, stride=stride, padding=padding, l2=l2)
        x = activate(x, "relu", f"{name}_activation")
        if pooled:
            x = keras.layers.MaxPooling2D(3, 2, name=f"pool{number}")(x)
    return x
