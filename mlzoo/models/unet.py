"""U-Net: a contracting and an expanding path with connections between them, for masks.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation"
(2015). What differs: convolutions keep the map's size (the paper's don't pad), so that the mask
is as large as the image; batch normalisation (Ioffe and Szegedy 2015); 16 filters and 3 levels by
default, where the paper has 64 and 4. Images of any height and width: they are mirrored to a
multiple of 2^depth, and the mask is cropped back. Convolution j of level i (from 1, the finest)
is `encoder{i}_conv{j}` and `decoder{i}_conv{j}`, each with `_norm{j}` and `_activation{j}`; the
coarsest level is `bottleneck`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.configs import Settings
from mlzoo.setting_types import Activation, Rate
from mlzoo.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TASKS = ("segmentation", "fields")


class Config(Settings):
    """Settings of unet."""

    depth: int = Field(3, ge=1, le=5)
    """How often the map is halved; 4 in the paper."""
    filters: int = Field(16, ge=1, le=1024)
    """Filters of the first level; each level further down has twice as many; 64 in the paper."""
    convolutions: int = Field(2, ge=1, le=4)
    """Convolutions a level, on both paths."""
    batch_normalization: bool = True
    """Normalise over the batch between each convolution and its activation."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    dropout: Rate = 0.0
    """Share of features dropped at the two coarsest levels, as at the end of the paper's."""
    upsampling: Literal["transposed", "bilinear", "nearest"] = "transposed"
    """transposed: 2x2 transposed convolution, as in the paper; bilinear or nearest: interpolation
    and a 3x3 convolution, which leaves no checkerboard."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """The model, from (batch, height, width, channels) to (batch, height, width, units).

    Raises:
        UsageError: a sample is no image.
    """
    import keras

    from mlzoo.layers.padding import CropLike, PadToMultiple
    from mlzoo.layers.pieces import regularizer

    inputs.require_image("unet")
    tensor, x = inputs.start(any_size=True)
    scaled = x
    x = PadToMultiple(2**config.depth, name="pad")(x)
    skips = []
    for level in range(1, config.depth + 1):
        x = _level(x, f"encoder{level}", level, config)
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    x = _level(x, "bottleneck", config.depth + 1, config)
    for level in range(config.depth, 0, -1):
        x = _up(x, level, config)
        x = keras.layers.Concatenate(name=f"decoder{level}_skip")([skips[level - 1], x])
        x = _level(x, f"decoder{level}", level, config)
    x = CropLike(name="crop")([x, scaled])
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    return keras.Model(tensor, output, name="unet")


def _level(x: keras.KerasTensor, name: str, level: int, config: Config) -> keras.KerasTensor:
    """The convolutions of one level (1: the finest) of a path."""
    from mlzoo.layers.pieces import dropout

    for number in range(1, config.convolutions + 1):
        x = _convolution(x, config.filters * 2 ** (level - 1), name, number, config)
    if config.dropout and level >= config.depth and not name.startswith("decoder"):
        x = dropout(config.activation, config.dropout, f"{name}_dropout")(x)
    return x


def _convolution(
    x: keras.KerasTensor, filters: int, name: str, number: int, config: Config
) -> keras.KerasTensor:
    """Convolution `number` of a level, normalisation and activation."""
    import keras

    from mlzoo.layers.convolutions import convolution
    from mlzoo.layers.pieces import activate

    x = convolution(
        x,
        filters,
        3,
        name=f"{name}_conv{number}",
        bias=not config.batch_normalization,
        activation=config.activation,
        l2=config.l2,
    )
    if config.batch_normalization:
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm{number}")(x)
    return activate(x, config.activation, f"{name}_activation{number}")


def _up(x: keras.KerasTensor, level: int, config: Config) -> keras.KerasTensor:
    """A map of twice the height and width with the filters of a level."""
    import keras

    from mlzoo.layers.convolutions import convolution
    from mlzoo.layers.pieces import initializer, regularizer

    filters = config.filters * 2 ** (level - 1)
    name = f"decoder{level}_up"
    if config.upsampling == "transposed":
        return keras.layers.Conv2DTranspose(
            filters,
            2,
            strides=2,
            kernel_initializer=initializer("auto", config.activation),
            kernel_regularizer=regularizer(0, config.l2),
            name=name,
        )(x)
    how = config.upsampling
    x = keras.layers.UpSampling2D(2, interpolation=how, name=f"{name}_interpolate")(x)
    return convolution(x, filters, 3, name=name, activation=config.activation, l2=config.l2)
