"""Bilinear upsampling of maps of variable height and width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class BilinearUp(keras.layers.Layer):
    """Bilinear upsampling by 2: each pixel weights four neighbors by 9/16, 3/16, 3/16 and 1/16.

    The same numbers as keras.layers.UpSampling2D(2, interpolation="bilinear"), which fails on
    variable sides: pixels are repeated, then smoothed along either axis.

    Args:
        axes: which are doubled: 1 height, 2 width; of volumes 1 depth, 2 height, 3 width.
    """

    def __init__(self, axes: Sequence[int] = (1, 2), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axes = tuple(axes)

    def call(self, x: Any) -> Any:
        """Upsample (batch, [depth,] height, width, channels)."""
        for axis in self.axes:
            x = ops.repeat(x, 2, axis=axis)
            first = ops.take(x, ops.convert_to_tensor([0]), axis=axis)
            last = ops.take(x, ops.convert_to_tensor([-1]) % ops.shape(x)[axis], axis=axis)
            wide = ops.concatenate([first, x, last], axis=axis)
            others = (slice(None),) * axis
            before, after = wide[(*others, slice(-2))], wide[(*others, slice(2, None))]
            x = 0.25 * before + 0.5 * x + 0.25 * after
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with known sides doubled."""
        shape = list(input_shape)
        for axis in self.axes:
            side = shape[axis]
            shape[axis] = side and 2 * side
        return tuple(shape)

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "axes": self.axes}
