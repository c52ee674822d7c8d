"""U-Net of diffusion models: residual blocks that are told how noisy an image is."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

_GROUPS = 8
_FREQUENCIES, _SCALES = 24, (0.5, 2.0, 8.0)
"""Fourier features of time, and their scales in periods over the whole of it."""


def denoiser(
    shape: tuple[int, ...], filters: int, blocks: int, name: str, classes: int = 0
) -> keras.Model:
    """Return a U-Net from noisy images (batch, *shape) and times (batch, 1) to (batch, *shape).

    With classes it takes their positions (batch, 1) last; the number of classes stands for none.

    The coarsest feature maps have sides of 4 to 7 pixels and, as all but the finest, twice as many
    channels as those.

    Args:
        shape: (height, width, channels) of an image.
        filters: channels of the finest feature maps.
        blocks: residual blocks of each resolution, on the way down and on the way up.
        name: of the model.
        classes: that images are drawn of; 0: there is no choice.
    """
    import keras

    from mlzoo.layers.blocks import dense
    from mlzoo.layers.convolutions import convolution
    from mlzoo.layers.fourier import FourierFeatures
    from mlzoo.layers.padding import CropLike, PadToMultiple
    from mlzoo.models._mirrored import halvings

    noisy, time = keras.Input(shape, name="noisy"), keras.Input((1,), name="time")
    waves = FourierFeatures(1, _FREQUENCIES, _SCALES, dtype="float32", name="waves")(time)
    embedded = dense(waves, 4 * filters, "silu", name="embedded")
    given = [noisy, time]
    if classes:
        label = keras.Input((1,), dtype="int32", name="class")
        of_class = keras.layers.Embedding(classes + 1, 4 * filters, name="class_embedding")(label)
        of_class = keras.layers.Reshape((4 * filters,), name="class_code")(of_class)
        embedded = keras.layers.Add(name="embedded_of_class")([embedded, of_class])
        given.append(label)
    depth = halvings(shape[0], shape[1])
    x = PadToMultiple(2**depth, name="pad")(noisy)
    x = convolution(x, filters, 3, name="start", activation="linear")
    skips = []
    for level in range(depth):
        channels = filters * min(level + 1, 2)
        for number in range(1, blocks + 1):
            x = _block(x, embedded, channels, f"down{level + 1}_block{number}")
        skips.append(x)
        x = convolution(x, channels, 3, stride=2, name=f"down{level + 1}", activation="linear")
    for number in range(1, blocks + 1):
        x = _block(x, embedded, 2 * filters, f"middle_block{number}")
    for level in reversed(range(depth)):
        channels, skip = filters * min(level + 1, 2), skips.pop()
        x = keras.layers.UpSampling2D(2, name=f"up{level + 1}_nearest")(x)
        x = convolution(x, channels, 3, name=f"up{level + 1}", activation="linear")
        x = keras.layers.Concatenate(name=f"up{level + 1}_skip")([skip, x])
        for number in range(1, blocks + 1):
            x = _block(x, embedded, channels, f"up{level + 1}_block{number}")
    x = CropLike(name="crop")([_normalized(x, "end"), noisy])
    x = keras.layers.Conv2D(shape[-1], 3, padding="same", dtype="float32", name="head")(x)
    return keras.Model(given, x, name=name)


def _block(
    x: keras.KerasTensor, embedded: keras.KerasTensor, channels: int, name: str
) -> keras.KerasTensor:
    """Apply two normalized convolutions around which x goes; the time is added between them."""
    import keras

    from mlzoo.layers.convolutions import convolution

    y = convolution(_normalized(x, f"{name}_1"), channels, 3, name=f"{name}_conv1")
    time = keras.layers.Dense(channels, name=f"{name}_time")(embedded)
    time = keras.layers.Reshape((1, 1, channels), name=f"{name}_time_map")(time)
    y = keras.layers.Add(name=f"{name}_timed")([y, time])
    y = convolution(_normalized(y, f"{name}_2"), channels, 3, name=f"{name}_conv2")
    if x.shape[-1] != channels:
        x = convolution(x, channels, 1, name=f"{name}_shortcut", activation="linear")
    return keras.layers.Add(name=f"{name}_sum")([x, y])


def _normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Apply group normalization and SiLU."""
    import keras

    groups = gcd(_GROUPS, x.shape[-1])
    x = keras.layers.GroupNormalization(groups, name=f"{name}_norm")(x)
    return keras.layers.Activation("silu", name=f"{name}_activation")(x)
