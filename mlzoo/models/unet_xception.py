"""Residual U-Net of separable convolutions: few weights for its depth, for masks.

The contracting path is the entry flow of Chollet, "Xception: Deep Learning with Depthwise
Separable Convolutions" (2017): a convolution with stride 2, then blocks of two separable
convolutions and a pooling with a strided 1x1 shortcut; the expanding path has two transposed
convolutions and an upsampling a block, with a 1x1 shortcut on the upsampled input. There are no
connections between the paths. With the default settings, 256x256x3 images and 2 classes it has
2,058,690 parameters, 2,054,914 of them trainable. Images of any height and width are mirrored to
a multiple of the net's stride, and the mask is cropped back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Size, Sizes, searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

AUTO = ("image",)
TARGETS = ("classes per pixel", "numbers per pixel")


class Config(Settings):
    """Settings of unet_xception."""

    entry: Size = 32
    """Filters of the first convolution."""
    down: Sizes = (64, 128, 256)
    """Filters of the blocks that halve the map, comma-separated; as many blocks as numbers."""
    up: Sizes = (256, 128, 64, 32)
    """Filters of the blocks that double the map, one more than those that halve it."""
    l2: float = Field(0.0, ge=0, json_schema_extra=searched(1e-6, 1e-2, log=True))
    """Penalty on the squared weights of the output layer."""

    @model_validator(mode="after")
    def _as_many_up(self) -> Config:
        if not 1 <= len(self.down) <= 4:
            raise ValueError(f"down needs 1 to 4 blocks, got {len(self.down)}")
        if len(self.up) != len(self.down) + 1:
            raise ValueError(
                f"{len(self.down)} blocks down and the first convolution halve the map "
                f"{len(self.down) + 1} times, so as many blocks must double it; got {len(self.up)}"
            )
        return self


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

    from mlzoo.layers.blocks import regularizer
    from mlzoo.layers.padding import CropLike, PadToMultiple

    inputs.require_image("unet_xception")
    tensor, x = inputs.start(any_size=True)
    scaled = x
    x = PadToMultiple(2 ** len(config.up), name="pad")(x)
    x = keras.layers.Conv2D(config.entry, 3, strides=2, padding="same", name="entry_conv")(x)
    x = _relu(_norm(x, "entry_norm"), "entry_activation")
    shortcut = x
    for number, filters in enumerate(config.down, 1):
        x = shortcut = _down(x, shortcut, filters, f"down{number}")
    for number, filters in enumerate(config.up, 1):
        x = shortcut = _up(x, shortcut, filters, f"up{number}")
    x = CropLike(name="crop")([x, scaled])
    output = outputs.head(x, scaled, kernel_size=3, kernel_regularizer=regularizer(0, config.l2))
    return keras.Model(tensor, output, name="unet_xception")


def _down(
    x: keras.KerasTensor, shortcut: keras.KerasTensor, filters: int, name: str
) -> keras.KerasTensor:
    """Apply two separable convolutions and a pooling, beside a strided 1x1 convolution."""
    import keras

    layers = keras.layers
    for number in (1, 2):
        x = _relu(x, f"{name}_activation{number}")
        x = layers.SeparableConv2D(filters, 3, padding="same", name=f"{name}_conv{number}")(x)
        x = _norm(x, f"{name}_norm{number}")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    shortcut = layers.Conv2D(filters, 1, strides=2, padding="same", name=f"{name}_shortcut")(
        shortcut
    )
    return layers.Add(name=f"{name}_output")([x, shortcut])


def _up(
    x: keras.KerasTensor, shortcut: keras.KerasTensor, filters: int, name: str
) -> keras.KerasTensor:
    """Apply two transposed convolutions and upsampling, with an upsampled 1x1 shortcut."""
    import keras

    layers = keras.layers
    for number in (1, 2):
        x = _relu(x, f"{name}_activation{number}")
        x = layers.Conv2DTranspose(filters, 3, padding="same", name=f"{name}_conv{number}")(x)
        x = _norm(x, f"{name}_norm{number}")
    x = layers.UpSampling2D(2, name=f"{name}_upsample")(x)
    shortcut = layers.UpSampling2D(2, name=f"{name}_shortcut_upsample")(shortcut)
    shortcut = layers.Conv2D(filters, 1, padding="same", name=f"{name}_shortcut")(shortcut)
    return layers.Add(name=f"{name}_output")([x, shortcut])


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    import keras

    return keras.layers.BatchNormalization(momentum=0.9, name=name)(x)


def _relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    from mlzoo.layers.blocks import activate

    return activate(x, "relu", name)
