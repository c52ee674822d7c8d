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

    With `flat` maps are of one dimension, images of a single row. Maps of five axes are volumes
    (batch, depth, height, width, channels); their depth is halved while it is even and at least 4.
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

    def halves(self, x: keras.KerasTensor) -> tuple[int, ...]:
        """Return by what a level divides the sides of a map."""
        if len(x.shape) == 5:
            return (2 if x.shape[1] >= 4 and x.shape[1] % 2 == 0 else 1, 2, 2)
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
        pool = keras.layers.MaxPooling3D if len(x.shape) == 5 else keras.layers.MaxPooling2D
        x = pool(levels.halves(x), name=f"encoder{level}_pool")(x)
    x = _level(x, "bottleneck", levels.depth + 1, levels)
    return _dropped(x, "bottleneck", levels.depth + 1, levels), skips


def decode(
    x: keras.KerasTensor,
    skips: list[keras.KerasTensor | None],
    levels: Levels,
    prefix: str = "decoder",
    seen: list[keras.KerasTensor] | None = None,
) -> keras.KerasTensor:
    """Return features of the size of the finest level.

    Args:
        x: the bottleneck's features (batch, height, width, channels).
        skips: features of each level, the finest first; None: a level without skip connection.
        levels: settings of the levels.
        prefix: of the layers' names.
        seen: gets the features of each level, the coarsest first.
    """
    for level in range(levels.depth, 0, -1):
        name = f"{prefix}{level}"
        skip = skips[level - 1]
        halves = levels.halves(x if skip is None or len(x.shape) < 5 else skip)
        x = _up(x, name, level, levels, halves)
        if skip is not None:
            x = keras.layers.Concatenate(name=f"{name}_skip")([skip, x])
        x = _level(x, name, level, levels)
        if seen is not None:
            seen.append(x)
    return x


def _level(x: keras.KerasTensor, name: str, level: int, levels: Levels) -> keras.KerasTensor:
    """Apply the convolutions of one level (1: the finest) of a path."""
    for number in range(1, levels.convolutions + 1):
        x = convolution(
            x,
            levels.filters * 2 ** (level - 1),
            _kernel(x, levels),
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


def _up(
    x: keras.KerasTensor, name: str, level: int, levels: Levels, halves: tuple[int, ...]
) -> keras.KerasTensor:
    """Enlarge a map by what a level divided its sides by, with the filters of the level."""
    filters = levels.filters * 2 ** (level - 1)
    volumes = len(x.shape) == 5
    if levels.upsampling == "transposed":
        transposed = keras.layers.Conv3DTranspose if volumes else keras.layers.Conv2DTranspose
        return transposed(
            filters,
            halves,
            strides=halves,
            kernel_initializer=initializer("auto", levels.activation),
            kernel_regularizer=regularizer(0, levels.l2),
            name=f"{name}_up",
        )(x)
    up = partial(keras.layers.UpSampling3D if volumes else keras.layers.UpSampling2D, halves)
    if levels.upsampling == "bilinear":
        up = partial(BilinearUp, [axis for axis, by in enumerate(halves, 1) if by > 1])
    x = up(name=f"{name}_interpolate")(x)
    kernel = _kernel(x, levels)
    return convolution(
        x, filters, kernel, name=f"{name}_up", activation=levels.activation, l2=levels.l2
    )


def _kernel(x: keras.KerasTensor, levels: Levels) -> tuple[int, ...]:
    return (3, 3, 3) if len(x.shape) == 5 else (1 if levels.flat else 3, 3)
