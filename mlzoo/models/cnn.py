"""Convolutional network: blocks of convolutions and pooling, for images from 8x8 up, and volumes.

A plain stack in the manner of Simonyan and Zisserman, "Very Deep Convolutional Networks" (2014).
What differs: batch normalization between convolution and activation (Ioffe and Szegedy 2015), and
global average pooling in place of large dense layers (Lin et al., "Network in Network", 2013).
Convolution j of block i is `block{i}_conv{j}`, its activation `block{i}_activation{j}`. A map is
pooled only while its smaller side is at least 4, so that small images keep their detail; the first
convolution of large images has stride 2, as in ResNet's stem. Volumes get three-dimensional
convolutions; along the depth a map is pooled, or a step taken, while it is at least 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import (
    Activation,
    Initializer,
    Rate,
    Rates,
    Sizes,
    check_lengths,
    searched,
    searched_layers,
)
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._image_recipe import image_recipe

if TYPE_CHECKING:
    import keras

AUTO = ("image",)
_LARGE_FROM = 64

recipe = image_recipe


class Config(Settings):
    """Settings of cnn."""

    filters: Sizes = Field(
        (16, 32, 64),
        json_schema_extra=searched_layers("blocks", (2, 4), "width", (8, 32), growth=2),
    )
    """Filters of the blocks, comma-separated; as many blocks as numbers."""
    convolutions: int = Field(2, ge=1, le=8)
    """Convolutions a block."""
    kernel: int = Field(3, ge=1, le=15, json_schema_extra=searched(choices=(3, 5)))
    """Side of the square kernels, cubic ones of volumes."""
    stride: int = Field(1, ge=1, le=8)
    """Step of the first convolution of each block."""
    stem: Literal["auto", "full", "strided"] = "auto"
    """strided: the very first convolution has a step of at least 2, which makes large images four
    times as fast; auto: strided for images from 64 pixels a side, else full."""
    dilation: int = Field(1, ge=1, le=16)
    """Spacing of the kernel's taps; over 1 it needs stride 1."""
    padding: Literal["same", "valid"] = "same"
    """same: convolutions keep the map's size; valid: no padding."""
    separable: bool = False
    """Depthwise-separable convolutions: fewer weights, less computing; of images alone."""
    batch_normalization: bool = True
    """Normalize over the batch between each convolution and its activation."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    pooling: Literal["max", "average", "none"] = "max"
    """Halves the map after each block while its smaller side is at least 4."""
    dropout: Rates = Field((0.0,), json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped after each block, or one a block."""
    head: Literal["average", "max", "average_max", "flatten"] = "average"
    """From the last map to features: global average, global maximum, both, or all of it."""
    dense: Sizes = ()
    """Units of the dense layers after that, comma-separated."""
    dense_dropout: Rate = 0.0
    """Share of features dropped before the output layer."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights."""
    initializer: Initializer = "auto"
    """First weights; auto: He for the ReLU family, Glorot for tanh, sigmoid and linear, LeCun
    normal for SELU; standard_normal: N(0, 1)."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if not self.filters:
            raise ValueError("filters names no block; give one number a block, as in 32,64")
        check_lengths("blocks", len(self.filters), dropout=self.dropout)
        if self.dilation > 1 and self.stride > 1:
            raise ValueError(
                f"dilation {self.dilation} and stride {self.stride} can't both be over 1"
            )
        if self.dilation > 1 and self.stem == "strided":
            raise ValueError("a strided stem can't be dilated; leave out stem or dilation")
        if self.dilation > 1 and self.kernel == 1:
            raise ValueError("dilation has no effect on kernels of one pixel")
        return self


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, outputs.units).

    Volumes are images of their slices, one below the other.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image and no volume, or too small for these settings.
    """
    import keras

    from mlzoo.layers.blocks import dense, dropout, regularizer
    from mlzoo.layers.volumes import Unstack

    inputs.require_image("cnn", volumes=True)
    tensor, x = inputs.start()
    if inputs.depth:
        if config.separable:
            raise UsageError("cnn: separable=true is for images; leave it out for volumes")
        x = Unstack(inputs.depth, name="volume")(x)
    for number in range(1, len(config.filters) + 1):
        x = _block(x, number, config)
    x = _features(x, config)
    for number, units in enumerate(config.dense, 1):
        x = dense(
            x,
            units,
            config.activation,
            name=f"dense{number}",
            start=config.initializer,
            l2=config.l2,
        )
    if config.dense_dropout:
        x = dropout(config.activation, config.dense_dropout, "dense_dropout")(x)
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    return keras.Model(tensor, output, name="cnn")


def _block(x: keras.KerasTensor, number: int, config: Config) -> keras.KerasTensor:
    """Apply block `number` (from 1): its convolutions, pooling and dropout."""
    import keras

    from mlzoo.core.setting_types import per_layer
    from mlzoo.layers.blocks import dropout

    for convolution in range(1, config.convolutions + 1):
        x = _convolution(x, number, convolution, config)
    if config.pooling != "none" and min(_plane(x)) >= 4:
        kind = "Average" if config.pooling == "average" else "Max"
        pool = getattr(keras.layers, f"{kind}Pooling{len(x.shape) - 2}D")
        x = pool(_steps(x, 2), name=f"block{number}_pool")(x)
    rate = per_layer(config.dropout, len(config.filters))[number - 1]
    return dropout(config.activation, rate, f"block{number}_dropout")(x) if rate else x


def _convolution(
    x: keras.KerasTensor, block: int, number: int, config: Config
) -> keras.KerasTensor:
    """Apply convolution `number` of a block (both from 1), normalization and activation."""
    import keras

    from mlzoo.layers.blocks import activate
    from mlzoo.layers.convolutions import convolution

    x = convolution(
        x,
        config.filters[block - 1],
        config.kernel,
        name=f"block{block}_conv{number}",
        stride=_steps(x, _stride(x, block, number, config)),
        dilation=config.dilation,
        padding=config.padding,
        separable=config.separable,
        bias=not config.batch_normalization,
        initializer=config.initializer,
        activation=config.activation,
        l2=config.l2,
    )
    if config.batch_normalization:
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"block{block}_norm{number}")(x)
    return activate(x, config.activation, f"block{block}_activation{number}")


def _stride(x: keras.KerasTensor, block: int, number: int, config: Config) -> int:
    """Return the stride of convolution `number` of a block with input x."""
    if number > 1:
        return 1
    large = min(_plane(x)) >= _LARGE_FROM and config.dilation == 1
    if block == 1 and (config.stem == "strided" or (config.stem == "auto" and large)):
        return max(config.stride, 2)
    return config.stride


def _plane(x: keras.KerasTensor) -> tuple[int, int]:
    """Return height and width of a map of images or of volumes."""
    height, width = x.shape[-3:-1]
    return height, width


def _steps(x: keras.KerasTensor, by: int) -> int | tuple[int, int, int]:
    """Return a step in the plane, and along the depth of volumes while it is at least 4."""
    return by if len(x.shape) == 4 else (by if x.shape[1] >= 4 else 1, by, by)


def _features(x: keras.KerasTensor, config: Config) -> keras.KerasTensor:
    """Map (batch, [depth,] height, width, channels) to (batch, features)."""
    import keras

    if config.head == "flatten":
        return keras.layers.Flatten(name="flatten")(x)
    rank = len(x.shape) - 2
    average = getattr(keras.layers, f"GlobalAveragePooling{rank}D")
    largest = getattr(keras.layers, f"GlobalMaxPooling{rank}D")
    if config.head == "average_max":
        both = [average(name="global_average")(x), largest(name="global_max")(x)]
        return keras.layers.Concatenate(name="global_pool")(both)
    return (average if config.head == "average" else largest)(name="global_pool")(x)
