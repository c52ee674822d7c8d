"""Convolutions of the image models, with a clear error where a feature map gets too small."""

from __future__ import annotations

from typing import Any

import keras

from mlzoo.core.errors import UsageError
from mlzoo.layers.blocks import initializer as initializer_named
from mlzoo.layers.blocks import regularizer


def convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel: int | tuple[int, ...],
    *,
    name: str,
    stride: int | tuple[int, ...] = 1,
    dilation: int = 1,
    padding: str = "same",
    separable: bool = False,
    bias: bool = True,
    initializer: str = "auto",
    activation: str = "relu",
    l2: float = 0.0,
) -> keras.KerasTensor:
    """Apply a convolution to (batch, [depth,] height, width, channels), without an activation.

    Args:
        x: the feature map.
        filters: channels of the result.
        kernel: side of a square or cubic kernel, or the length of each.
        name: the layer's name.
        stride: step of the kernel, or of each axis.
        dilation: spacing of the kernel's taps.
        padding: `same` or `valid`.
        separable: depthwise convolution, then a 1x1 convolution; of images alone.
        bias: add a bias; not needed before batch normalization, which has its own.
        initializer: a name of `mlzoo.core.setting_types.Initializer`.
        activation: the activation that follows, which `auto` weights depend on.
        l2: penalty on the squared weights.

    Raises:
        UsageError: with `valid` padding, the kernel is larger than the map.
    """
    if padding == "valid":
        side = kernel if isinstance(kernel, int) else max(kernel)
        _check_fits(x, dilation * (side - 1) + 1, name)
    start = initializer_named(initializer, activation)
    penalty = regularizer(0, l2)
    common: dict[str, object] = {
        "strides": stride,
        "dilation_rate": dilation,
        "padding": padding,
        "use_bias": bias,
        "name": name,
    }
    if separable:
        layer = keras.layers.SeparableConv2D(
            filters,
            kernel,
            depthwise_initializer=start,
            pointwise_initializer=initializer_named(initializer, activation),
            depthwise_regularizer=penalty,
            pointwise_regularizer=penalty,
            **common,
        )
    else:
        kind = keras.layers.Conv3D if len(x.shape) == 5 else keras.layers.Conv2D
        layer = kind(
            filters, kernel, kernel_initializer=start, kernel_regularizer=penalty, **common
        )
    return layer(x)


def _check_fits(x: keras.KerasTensor, extent: int, name: str) -> None:
    sides = x.shape[1:-1]
    if min(sides) < extent:
        raise UsageError(
            f"{name}: its kernel spans {extent} pixels, but the feature map has only "
            f"{'x'.join(map(str, sides))} left there; use fewer blocks or convolutions, a smaller "
            "kernel or stride, padding=same, or larger images (--size)"
        )


def strided(x: keras.KerasTensor, filters: int, kernel: int, **settings: Any) -> keras.KerasTensor:
    """Apply a convolution with padding kernel // 2 on every side, whatever its stride.

    With stride 1 this is `same`. With a larger one, Keras pads `same` more on the right and
    below, and published weights of other frameworks, which pad evenly, would see a shifted image.

    Args:
        x: (batch, height, width, channels).
        filters: channels of the result.
        kernel: side of the square kernel, odd.
        **settings: further arguments of `convolution`; `name` is needed.
    """
    if settings.get("stride", 1) > 1 and kernel > 1:
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{settings['name']}_pad")(x)
        settings["padding"] = "valid"
    return convolution(x, filters, kernel, **settings)


def require_sides(shape: tuple[int, ...], model: str, minimum: int) -> None:
    """Raise UsageError if images are too small for a model.

    Args:
        shape: (height, width, channels) of one image.
        model: name of the model.
        minimum: smallest height and width in pixels.
    """
    if min(shape[:2]) < minimum:
        raise UsageError(
            f"{model} needs images of at least {minimum}x{minimum} pixels, but they are "
            f"{shape[0]}x{shape[1]} here; enlarge them with --size {minimum}, or use cnn, "
            "which takes any size"
        )
