"""Encoders and decoders that mirror each other, of images by strided convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def halved(height: int, width: int, times: int) -> list[tuple[int, int]]:
    """Return the sizes of an image's feature maps, its own first, each half of the last.

    Args:
        height: of the image, in pixels.
        width: the same.
        times: how often it is halved.
    """
    sizes = [(height, width)]
    for _ in range(times):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def halvings(height: int, width: int, smallest: int = 4) -> int:
    """Return how often an image is halved before a side is below some pixels."""
    times = 0
    while min(height, width) >= 2 * smallest:
        height, width, times = -(-height // 2), -(-width // 2), times + 1
    return times


def dense_stack(
    x: keras.KerasTensor, units: Sequence[int], activation: str, name: str
) -> keras.KerasTensor:
    """Apply dense layers, `{name}1` and so on, to flattened features.

    Args:
        x: features (batch, ...).
        units: of each layer.
        activation: of each layer.
        name: of the layers, before their number.
    """
    from mlzoo.layers.blocks import dense, flat

    x = flat(x)
    for number, each in enumerate(units, 1):
        x = dense(x, each, activation, name=f"{name}{number}")
    return x


def downsample(
    x: keras.KerasTensor, filters: Sequence[int], activation: str, normalize: bool = False
) -> keras.KerasTensor:
    """Halve feature maps by strided convolutions `down1` and so on.

    Args:
        x: feature maps (batch, height, width, channels).
        filters: channels after each halving.
        activation: of each layer.
        normalize: apply batch normalization after all but the first convolution.
    """
    import keras

    from mlzoo.layers.blocks import activate
    from mlzoo.layers.convolutions import convolution

    for number, each in enumerate(filters, 1):
        name = f"down{number}"
        x = convolution(x, each, 3, stride=2, name=name, activation=activation)
        if normalize and number > 1:
            x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        x = activate(x, activation, f"{name}_activation")
    return x


def upsample(
    x: keras.KerasTensor,
    sizes: Sequence[tuple[int, int]],
    filters: Sequence[int],
    activation: str,
    normalize: bool = False,
) -> keras.KerasTensor:
    """Project codes to feature maps and double these by transposed convolutions `up1` and so on.

    Args:
        x: codes (batch, n).
        sizes: height and width of each map, the smallest first, each at most double the last.
        filters: channels of each map.
        activation: of each layer.
        normalize: apply batch normalization before each activation.
    """
    import keras

    from mlzoo.layers.blocks import activate, initializer

    start = initializer("auto", activation)
    shape = (*sizes[0], filters[0])
    x = keras.layers.Dense(prod(shape), kernel_initializer=start, name="project")(x)
    x = keras.layers.Reshape(shape, name="unflatten")(x)
    for number, ((height, width), each) in enumerate(zip(sizes, filters, strict=True)):
        name = f"up{number}" if number else "project"
        if number:
            # The kernel is a multiple of the stride, or pixels get unequal numbers of taps.
            x = keras.layers.Conv2DTranspose(
                each, 4, 2, padding="same", kernel_initializer=start, name=name
            )(x)
            down, right = x.shape[1] - height, x.shape[2] - width
            if down or right:
                x = keras.layers.Cropping2D(((0, down), (0, right)), name=f"{name}_crop")(x)
        if normalize:
            x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        x = activate(x, activation, f"{name}_activation")
    return x
