"""Group-equivariant CNN: convolutions with kernels in all orientations, for images.

Cohen and Welling, "Group equivariant convolutional networks" (2016). An image that is turned by
quarters (p4), or also mirrored (p4m), gives the same prediction: each feature has a map for each
orientation of its kernel, and the last ones are pooled over orientations, then over the image. What
differs: blocks as in `cnn`; with half of its filters, a p4 network has about as many weights. Sides
that are odd are pooled over 3 pixels with a step of 2, all others over 2, because only what lies
evenly turns with the image. Convolution j of block i is `block{i}_conv{j}`, its activation
`block{i}_activation{j}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Rate, Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._image_recipe import image_recipe

if TYPE_CHECKING:
    import keras

recipe = image_recipe


class Config(Settings):
    """Settings of cnn_equivariant."""

    group: Literal["p4", "p4m"] = Field("p4", json_schema_extra=searched(choices=("p4", "p4m")))
    """p4: quarter turns; p4m: also mirror images."""
    filters: Sizes = Field(
        (8, 16, 32),
        json_schema_extra=searched_layers("blocks", (2, 4), "width", (4, 16), growth=2),
    )
    """Features of the blocks, comma-separated; each has a map for each element of the group."""
    convolutions: int = Field(2, ge=1, le=8)
    """Convolutions a block."""
    kernel: int = Field(3, ge=1, le=15)
    """Side of the square kernels, odd."""
    batch_normalization: bool = True
    """Normalize each feature over the batch and the group, before its activation."""
    activation: Literal["relu", "elu", "gelu", "tanh"] = "relu"
    """relu, elu, gelu or tanh."""
    pooling: Literal["max", "average"] = "max"
    """Halves the map after each block while its sides are at least 4."""
    orientations: Literal["max", "average"] = "max"
    """From a feature's last maps to one map: their largest or their mean at each point."""
    dropout: Rate = Field(0.0, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped before the output layer."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights of the output layer."""

    @field_validator("filters")
    @classmethod
    def _some(cls, filters: tuple[int, ...]) -> tuple[int, ...]:
        if not filters:
            raise ValueError("filters names no block; give one number a block, as in 8,16")
        return filters

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"must be odd, so that kernels turn about their center (got {kernel})")
        return kernel


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image.
    """
    import keras

    from mlzoo.layers.blocks import regularizer

    inputs.require_image("cnn_equivariant")
    tensor, x = inputs.start()
    for number in range(1, len(config.filters) + 1):
        x = _block(x, number, config)
    height, width, order, channels = _by_element(x, config)
    x = keras.layers.Reshape((height * width, order, channels), name="elements")(x)
    largest = config.orientations == "max"
    # In three dimensions TensorFlow pools no float64, which checks of gradients need.
    pool = keras.layers.MaxPooling2D if largest else keras.layers.AveragePooling2D
    x = pool((1, order), name="orientations")(x)
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    if config.dropout:
        x = keras.layers.Dropout(config.dropout, name="dropout")(x)
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    return keras.Model(tensor, output, name="cnn_equivariant")


def _block(x: keras.KerasTensor, number: int, config: Config) -> keras.KerasTensor:
    """Apply block `number` (from 1): its convolutions and pooling."""
    import keras

    for convolution in range(1, config.convolutions + 1):
        x = _convolution(x, number, convolution, config)
    if min(x.shape[1:3]) < 4:
        return x
    average = config.pooling == "average"
    pool = keras.layers.AveragePooling2D if average else keras.layers.MaxPooling2D
    sides = tuple(3 if side % 2 else 2 for side in x.shape[1:3])
    return pool(sides, strides=2, name=f"block{number}_pool")(x)


def _convolution(
    x: keras.KerasTensor, block: int, number: int, config: Config
) -> keras.KerasTensor:
    """Apply convolution `number` of a block (both from 1), normalization and activation."""
    import keras

    from mlzoo.layers.blocks import activate
    from mlzoo.layers.groups import GroupConvolution

    x = GroupConvolution(
        config.filters[block - 1],
        config.kernel,
        config.group,
        lifting=block == number == 1,
        use_bias=not config.batch_normalization,
        name=f"block{block}_conv{number}",
    )(x)
    if config.batch_normalization:
        name, flat = f"block{block}_norm{number}", x.shape[1:]
        split = _by_element(x, config)
        x = keras.layers.Reshape(split, name=f"{name}_elements")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=name)(x)
        x = keras.layers.Reshape(flat, name=f"{name}_channels")(x)
    return activate(x, config.activation, f"block{block}_activation{number}")


def _by_element(x: keras.KerasTensor, config: Config) -> tuple[int, int, int, int]:
    """Return the shape of maps with an axis for the elements of the group."""
    from mlzoo.layers.groups import elements

    order = len(elements(config.group))
    height, width, channels = x.shape[1:]
    return height, width, order, channels // order
