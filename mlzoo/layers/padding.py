"""Padding and cropping layers that let a network take images of any height and width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class PadToMultiple(keras.layers.Layer):
    """Mirror images at the right and below until both sides are multiples of a number.

    Images are never padded at the left and above, so that a network sees the pixels of a tile on
    the same grid as those of the image that it was cut from.

    Args:
        multiple: divisor of both sides after padding, in pixels, at least 1.
        axes: which are padded: 1 height, 2 width; 2 and 3 of volumes (batch, depth, ...).
    """

    def __init__(self, multiple: int, axes: Sequence[int] = (1, 2), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple
        self.axes = tuple(axes)

    def call(self, x: Any) -> Any:
        """Pad x (batch, [depth,] height, width, channels)."""
        for axis in self.axes:
            side = ops.shape(x)[axis]
            if isinstance(side, int) and side % self.multiple == 0:
                continue
            padded = -(-side // self.multiple) * self.multiple
            # ..., 2, 1, 0, 0, 1, 2, ..., n-1, n-1, n-2, ...: mirrored at the edge.
            position = ops.arange(0, padded, dtype="int32") % (2 * side)
            x = ops.take(x, ops.minimum(position, 2 * side - 1 - position), axis=axis)
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with known sides rounded up."""
        shape = list(input_shape)
        for axis in self.axes:
            side = shape[axis]
            shape[axis] = None if side is None else -(-side // self.multiple) * self.multiple
        return tuple(shape)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "multiple": self.multiple, "axes": self.axes}


@keras.saving.register_keras_serializable(package="mlzoo")
class CropLike(keras.layers.Layer):
    """Cut features (batch, [depth,] height, width, channels) to the sides of others."""

    def call(self, inputs: Any) -> Any:
        """Crop the first of two tensors to the sides of the second."""
        x, like = inputs
        sides = ops.shape(like)[1:-1]
        return x[(slice(None), *(slice(side) for side in sides))]

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return batch and channels of the first shape, sides of the second."""
        x, like = input_shape
        return x[0], *like[1:-1], x[-1]
