"""Contracting and expanding path of U-Nets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import keras

from mlzoo.layers.blocks import activate, dropout, initializer, regularizer
from mlzoo.layers.convolutions import convolution
from mlzoo.layers.upsampling import BilinearUp


@dataclass(frozen=True)
class Levels:
    """Settings shared by all levels of a U-Net, as in the model `unet`.

    With `flat` maps are of one dimension, images of a single row.
    """

    depth: int
    filters: int
    convolutions: int = 2
    batch_normalization: bool = True
    activation: str = "relu"
    dropout: float = 0.0
    upsampling: str = "transposed"
    l2: float = 0.0
    flat: bool = False

    @property
    def halves(self) -> tuple[int, int]:
        """Return by what a level divides height and width."""
        return (1 if self.flat else 2, 2)


def encode(
    x: keras.KerasTensor, levels: Levels
) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """Return the bottleneck's features, and each level's before pooling, the finest first."""
    skips = []
    for level in range(1, levels.depth + 1):
        x = _level(x, f"encoder{level}", level, levels)
        x = _dropped(x, f"encoder{level}", level, levels)
        skips.append(x)
        x = keras.layers.MaxPooling2D(levels.halves, name=f"encoder{level}_pool")(x)
    x = _level(x, "bottleneck", levels.depth + 1, levels)
    return _dropped(x, "bottleneck", levels.depth + 1, levels), skips


def decode(
    x: keras.KerasTensor,
    skips: list[keras.KerasTensor | None],
    levels: Levels,
    prefix: str = "decoder",
) -> keras.KerasTensor:
    """Return features of the size of the finest level.

    Args:
        x: the bottleneck's features (batch, height, width, channels).
        skips: features of each level, the finest first; None: a level without skip connection.
        levels: settings of the levels.
        prefix: of the layers' names.
    """
    for level in range(levels.depth, 0, -1):
        name = f"{prefix}{level}"
        x = _up(x, name, level, levels)
        if (skip := skips[level - 1]) is not None:
            x = keras.layers.Concatenate(name=f"{name}_skip")([skip, x])
        x = _level(x, name, level, levels)
    return x


def _level(x: keras.KerasTensor, name: str, level: int, levels: Levels) -> keras.KerasTensor:
    """Apply the convolutions of one level (1: the finest) of a path."""
    for number in range(1, levels.convolutions + 1):
        x = convolution(
            x,
            levels.filters * 2 ** (level - 1),
            _kernel(levels),
            name=f"{name}_conv{number}",
            bias=not levels.batch_normalization,
            activation=levels.activation,
            l2=levels.l2,
        )
        if levels.batch_normalization:
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm{number}")(x)
        x = activate(x, levels.activation, f"{name}_activation{number}")
    return x


def _dropped(x: keras.KerasTensor, name: str, level: int, levels: Levels) -> keras.KerasTensor:
    """Apply dropout at the two coarsest levels, as at the end of the paper's contracting path."""
    if not levels.dropout or level < levels.depth:
        return x
    return dropout(levels.activation, levels.dropout, f"{name}_dropout")(x)


def _up(x: keras.KerasTensor, name: str, level: int, levels: Levels) -> keras.KerasTensor:
    """Double a map's height and width, with the filters of a level."""
    filters = levels.filters * 2 ** (level - 1)
    if levels.upsampling == "transposed":
        return keras.layers.Conv2DTranspose(
            filters,
            levels.halves,
            strides=levels.halves,
            kernel_initializer=initializer("auto", levels.activation),
            kernel_regularizer=regularizer(0, levels.l2),
            name=f"{name}_up",
        )(x)
    how = levels.upsampling
    up = partial(keras.layers.UpSampling2D, levels.halves)
    if how == "bilinear":
        up = partial(BilinearUp, (2,) if levels.flat else (1, 2))
    x = up(name=f"{name}_interpolate")(x)
    kernel = _kernel(levels)
    return convolution(
        x, filters, kernel, name=f"{name}_up", activation=levels.activation, l2=levels.l2
    )


def _kernel(levels: Levels) -> tuple[int, int]:
    return (1 if levels.flat else 3, 3)
