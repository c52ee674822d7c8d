"""Layers of images of any height and width, in operations of Keras; see `stock_calls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.layers.padding import CropLike, PadToMultiple
from mlzoo.layers.upsampling import BilinearUp


def bilinear(layer: BilinearUp, x: Any) -> Any:
    """Upsample maps (batch, height, width, channels) by 2."""
    for axis in layer.axes:
        edge = [(int(each == axis),) * 2 for each in range(4)]
        x = ops.repeat(x, 2, axis=axis)
        wide = ops.pad(x, edge, mode="symmetric")
        before, after = (
            (wide[:, :-2], wide[:, 2:]) if axis == 1 else (wide[:, :, :-2], wide[:, :, 2:])
        )
        x = 0.25 * before + 0.5 * x + 0.25 * after
    return x


def pad_to_multiple(layer: PadToMultiple, x: Any) -> Any:
    """Mirror maps at the right and below until both sides are multiples."""
    for axis in layer.axes:
        if x.shape[axis] is not None and x.shape[axis] % layer.multiple == 0:
            continue
        ones = _ones(x, axis)
        side = ops.sum(ones)
        # As many as the multiples that cover the side: one for each window that begins in it.
        covers = keras.layers.MaxPooling1D(layer.multiple, layer.multiple, padding="same")
        blocks = covers(ops.cast(ones, "float32")[None, :, None])[0, :, 0]
        padded = ops.repeat(ops.cast(blocks, "int32"), layer.multiple)
        position = (ops.cumsum(padded) - 1) % (2 * side)
        x = ops.take(x, ops.minimum(position, 2 * side - 1 - position), axis=axis)
    return x


def crop_like(layer: CropLike, inputs: Sequence[Any]) -> Any:
    """Cut maps to the height and width of others."""
    x, like = inputs
    for axis in (1, 2):
        if x.shape[axis] is None or x.shape[axis] != like.shape[axis]:
            x = ops.take(x, ops.cumsum(_ones(like, axis)) - 1, axis=axis)
    return x


def _ones(x: Any, axis: int) -> Any:
    """Return as many ones (int32) as an image has rows (axis 1) or columns (axis 2).

    A side that is not known yet has no number, so it is counted.
    """
    line = x[0, :, 0, 0] if axis == 1 else x[0, 0, :, 0]
    return ops.ones_like(line, dtype="int32")
