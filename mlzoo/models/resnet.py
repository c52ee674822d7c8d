"""Residual network: ResNet-18 and -34 for photographs, ResNet-20 for small images.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2015). `small` is the
paper's CIFAR network of 20 layers (16, 32 and 64 filters, 3x3 stem, no pooling). What differs:
its shortcuts are 1x1 convolutions where the size changes (option B of the paper) too. Block j of
stage i ends in `stage{i}_block{j}_output`; its convolutions are `stage{i}_block{j}_conv1` and
`_conv2`. With 224x224x3 and 1000 classes, 18 has 11,689,512 and 34 has 21,797,672 trainable
parameters, those of torchvision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import searched
from mlzoo.core.validation.values import as_text
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._image_recipe import image_recipe

if TYPE_CHECKING:
    import keras

# Blocks of each stage, filters of the first stage (they double from stage to stage).
AUTO = ("image",)
_VARIANTS = {
    "18": ((2, 2, 2, 2), 64),
    "34": ((3, 4, 6, 3), 64),
    "small": ((3, 3, 3), 16),
    "tiny": ((1, 1, 1), 16),
}
_LARGE_FROM = 96

recipe = image_recipe


class Config(Settings):
    """Settings of resnet."""

    variant: Annotated[Literal["auto", "18", "34", "small", "tiny"], BeforeValidator(as_text)] = (
        "auto"
    )
    """18 or 34 layers, small (20 narrow ones) or tiny (8); auto: 18 from 96 pixels a side, else
    small."""
    dropout: float = Field(0.0, ge=0, lt=1, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped before the output layer."""
    l2: float = Field(0.0, ge=0, json_schema_extra=searched(1e-6, 1e-2, log=True))
    """Penalty on the squared weights (1e-4 in the paper)."""


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

    inputs.require_image("resnet")
    variant = config.variant
    if variant == "auto":
        variant = "18" if min(inputs.shape[:2]) >= _LARGE_FROM else "small"
    stages, filters = _VARIANTS[variant]
    tensor, x = inputs.start()
    x = _stem(x, filters, small=variant == "small", l2=config.l2)
    for stage, blocks in enumerate(stages, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            x = _block(x, filters * 2 ** (stage - 1), stride, name, config.l2)
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    if config.dropout:
        x = keras.layers.Dropout(config.dropout, name="dropout")(x)
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    return keras.Model(tensor, output, name=f"resnet_{variant}")


def _stem(x: keras.KerasTensor, filters: int, small: bool, l2: float) -> keras.KerasTensor:
    """Apply the first convolution: 3x3, or 7x7 with stride 2 and pooling for large images."""
    import keras

    if small:
        return _relu(_normalized(x, filters, 3, 1, "stem_conv", l2), "stem_activation")
    x = _relu(_normalized(x, filters, 7, 2, "stem_conv", l2), "stem_activation")
    # Zeros are as good as minus infinity around a map that ReLU left.
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)


def _block(
    x: keras.KerasTensor, filters: int, stride: int, name: str, l2: float
) -> keras.KerasTensor:
    """Apply two convolutions and a shortcut around them, 1x1 where the size changes."""
    import keras

    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = _normalized(x, filters, 1, stride, f"{name}_shortcut", l2)
    x = _relu(_normalized(x, filters, 3, stride, f"{name}_conv1", l2), f"{name}_activation1")
    x = _normalized(x, filters, 3, 1, f"{name}_conv2", l2)
    return _relu(keras.layers.Add(name=f"{name}_add")([x, shortcut]), f"{name}_output")


def _normalized(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str, l2: float
) -> keras.KerasTensor:
    """Apply a convolution without bias and its batch normalization, `{name}_norm`."""
    import keras

    from mlzoo.layers.convolutions import strided

    x = strided(x, filters, kernel, name=name, stride=stride, bias=False, l2=l2)
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)


def _relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    from mlzoo.layers.blocks import activate

    return activate(x, "relu", name)
