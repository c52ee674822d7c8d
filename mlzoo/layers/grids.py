"""Coordinates and sensors of maps of any height and width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


def places(x: Any, axis: int) -> Any:
    """Return 0, 1, ... (side,) int32 along the rows (axis 1) or columns (axis 2) of maps.

    Counted, because a side that is not known yet has no number; so it holds of symbolic tensors.
    """
    line = x[0, :, 0, 0] if axis == 1 else x[0, 0, :, 0]
    return ops.cumsum(ops.ones_like(line, dtype="int32")) - 1


@keras.saving.register_keras_serializable(package="mlzoo")
class GridCoordinates(keras.layers.Layer):
    """Append coordinates as channels to maps (batch, height, width, channels).

    Point i of n lies at i / n, so that every other point of a grid twice as fine is one of it.

    Args:
        axes: of the maps that have coordinates: 1 height, 2 width.
        periodic: append cos(2 pi i / n) and sin(2 pi i / n) in place of i / n.
        alone: return the coordinates without the maps, once for all samples.
    """

    def __init__(
        self,
        axes: Sequence[int] = (1, 2),
        periodic: bool = False,
        alone: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axes = tuple(axes)
        self.periodic = periodic
        self.alone = alone

    def call(self, x: Any) -> Any:
        """Return (batch, height, width, channels + coordinates)."""
        ones = ops.ones_like(x[:1, ..., :1] if self.alone else x[..., :1])
        channels = [] if self.alone else [x]
        for axis in self.axes:
            place = ops.cast(places(x, axis), x.dtype)
            line = place / (place[-1] + 1)
            line = line[:, None, None] if axis == 1 else line[:, None]
            angle = 2 * math.pi * line
            lines = [ops.cos(angle), ops.sin(angle)] if self.periodic else [line]
            channels += [ones * each for each in lines]
        return ops.concatenate(channels, axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with more channels."""
        batch, height, width, channels = input_shape
        coordinates = len(self.axes) * (1 + self.periodic)
        if self.alone:
            return 1, height, width, coordinates
        assert channels is not None
        return batch, height, width, channels + coordinates

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        arguments = {"axes": self.axes, "periodic": self.periodic, "alone": self.alone}
        return {**super().get_config(), **arguments}


@keras.saving.register_keras_serializable(package="mlzoo")
class SensorValues(keras.layers.Layer):
    """Interpolate maps (batch, height, width, channels) at a fixed grid of sensors.

    Sensor i of s lies at i / s of a side, as point i of n at i / n; beyond the last point its value
    holds.

    Args:
        sensors: along height and width.
    """

    def __init__(self, sensors: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sensors = tuple(sensors)

    def call(self, x: Any) -> Any:
        """Return (batch, *sensors, channels)."""
        x = ops.einsum("bhwc,sh->bswc", x, self._weights(x, 1))
        return ops.einsum("bswc,rw->bsrc", x, self._weights(x, 2))

    def _weights(self, x: Any, axis: int) -> Any:
        """Return what each point of an axis weighs at each sensor, (sensors, points)."""
        count = self.sensors[axis - 1]
        place = ops.cast(places(x, axis), "float32")
        last = place[-1]
        share = (np.arange(count) / count).astype("float32")
        position = ops.minimum(ops.multiply(share, last + 1), last)
        near = ops.abs(ops.expand_dims(position, 1) - place)
        return ops.cast(ops.maximum(1 - near, 0), x.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with the sensors as sides."""
        return input_shape[0], *self.sensors, input_shape[-1]

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "sensors": self.sensors}


@keras.saving.register_keras_serializable(package="mlzoo")
class PointProducts(keras.layers.Layer):
    """Multiply features of samples by features of points that all samples share."""

    def call(self, inputs: Any) -> Any:
        """Return (batch, height, width, n) of (batch, n) and (1, height, width, n)."""
        samples, points = inputs
        return samples[:, None, None] * points

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return the batch of the first shape, sides and features of the second."""
        samples, points = input_shape
        return samples[0], *points[1:]
