"""Resizing of 8-bit images as part of a TensorFlow graph, with the values that OpenCV gives.

The same as `mlzoo.packing.served.resizing` in operations of a graph, for images of any size:
averages over areas where both sides shrink, else interpolation between pixels. Whole numbers are
held in float64, which is exact; averages over shares of pixels are sums in float32 whose order is
the runtime's, so that a value that lies between two may be rounded to either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

_ONE = 2048.0
"""Weight of a whole pixel where OpenCV interpolates, in whole numbers of 11 bits."""
_SMALLEST = 1e-3
"""Shares of a pixel that OpenCV leaves out of an average."""


def resizing(model: keras.Model, height: int, width: int) -> keras.Model:
    """Return a model that takes images of any size (batch, rows, columns, channels) uint8.

    Args:
        model: takes images (batch, height, width, channels).
        height: that images are resized to.
        width: the same.
    """
    import keras

    class Resizing(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="resizing")
            self.inner = model

        def call(self, pixels: Any, training: bool = False) -> Any:
            small = keras.ops.cast(resized(pixels, height, width), model.inputs[0].dtype)
            return self.inner(small, training=False)

    return Resizing()


def resized(pixels: Any, height: int, width: int) -> Any:
    """Return images (batch, height, width, channels) uint8.

    Args:
        pixels: a tensor (batch, rows, columns, channels) uint8.
        height: rows of the result.
        width: columns of the result.
    """
    import tensorflow as tf

    rows, columns = tf.shape(pixels)[1], tf.shape(pixels)[2]
    planes = tf.cast(tf.transpose(pixels, (0, 3, 1, 2)), tf.float32)
    shrinks = (rows >= height) & (columns >= width)
    whole = tf.equal(rows % height, 0) & tf.equal(columns % width, 0)

    def averaged() -> Any:
        return tf.cond(
            whole,
            lambda: _mean_of_blocks(planes, rows, columns, height, width),
            lambda: _mean_of_areas(planes, rows, columns, height, width),
        )

    values = tf.cond(shrinks, averaged, lambda: _interpolated(planes, rows, columns, height, width))
    values = tf.reshape(values, (-1, pixels.shape[-1], height, width))
    return tf.cast(tf.transpose(values, (0, 2, 3, 1)), tf.uint8)


def _mean_of_blocks(planes: Any, rows: Any, columns: Any, height: int, width: int) -> Any:
    """Average whole pixels: each side is a multiple of the new one."""
    import tensorflow as tf

    def members(side: Any, wanted: int) -> Any:
        block = tf.range(side) // (side // wanted)
        return tf.cast(tf.equal(tf.range(wanted)[:, None], block[None]), tf.float32)

    tall, wide = rows // height, columns // width
    sums = tf.matmul(members(rows, height), planes)
    sums = tf.matmul(sums, tf.transpose(members(columns, width)))
    means = tf.round(sums * tf.cast(1 / tf.cast(tall * wide, tf.float64), tf.float32))
    if planes.shape[1] == 2:
        return means
    # OpenCV rounds halves of four pixels up, and all others to even.
    four = tf.equal(tall, 2) & tf.equal(wide, 2)
    return tf.where(four, tf.floor((sums + 2) / 4), means)


def _mean_of_areas(planes: Any, rows: Any, columns: Any, height: int, width: int) -> Any:
    """Average pixels by the share of each that lies in an area."""
    import tensorflow as tf

    means = tf.matmul(planes, tf.transpose(_shares(columns, width)))
    means = tf.matmul(_shares(rows, height), means)
    return tf.clip_by_value(tf.round(means), 0, 255)


def _shares(side: Any, wanted: int) -> Any:
    """Return the share (wanted, side) that each pixel has of each new one, in float32."""
    import tensorflow as tf

    length = tf.cast(side, tf.float64)
    scale = 1 / (wanted / length)
    start = (tf.cast(tf.range(wanted), tf.float64) * scale)[:, None]
    end, size = start + scale, tf.minimum(scale, length - start)
    last = tf.minimum(tf.floor(end), length - 1)
    first = tf.minimum(tf.math.ceil(start), last)
    place = tf.cast(tf.range(side), tf.float64)[None]
    inside = tf.cast((place >= first) & (place < last), tf.float64)
    before = tf.where(first - start > _SMALLEST, first - start, tf.zeros_like(start))
    after = tf.where(end - last > _SMALLEST, tf.minimum(end - last, 1.0), tf.zeros_like(start))
    after = tf.minimum(after, size)
    shares = inside + before * tf.cast(tf.equal(place, first - 1), tf.float64)
    shares += after * tf.cast(tf.equal(place, last), tf.float64)
    return tf.cast(shares / size, tf.float32)


def _interpolated(planes: Any, rows: Any, columns: Any, height: int, width: int) -> Any:
    """Interpolate between two pixels of a row, then between two rows, in whole numbers."""
    import tensorflow as tf

    area = (rows > height) | (columns > width)
    values = tf.cast(planes, tf.float64)
    left, right, share = _neighbors(columns, width, area)
    beyond = (left < 0) | (left >= columns - 1)
    share = tf.where(beyond, tf.zeros_like(share), share)
    one, other = _weights(share)
    between = tf.gather(values, _within(left, columns), axis=3) * one
    between += tf.gather(values, _within(right, columns), axis=3) * other
    between = tf.floor(between / 16)
    upper, lower, share = _neighbors(rows, height, area)
    one, other = _weights(share)
    above = tf.floor(tf.gather(between, _within(upper, rows), axis=2) * one[:, None] / 65536)
    below = tf.floor(tf.gather(between, _within(lower, rows), axis=2) * other[:, None] / 65536)
    return tf.cast(tf.floor((above + below + 2) / 4), tf.float32)


def _within(place: Any, side: Any) -> Any:
    import tensorflow as tf

    return tf.minimum(tf.maximum(place, 0), side - 1)


def _neighbors(side: Any, wanted: int, area: Any) -> tuple[Any, Any, Any]:
    """Return the pixels before and after each new one, and the share of the one after."""
    import tensorflow as tf

    inverse = wanted / tf.cast(side, tf.float64)
    scale, index = 1 / inverse, np.arange(wanted, dtype="float64")
    before = tf.floor(index * scale)
    share = tf.cast((index + 1) - (before + 1) * inverse, tf.float32)
    share = tf.where(share <= 0, tf.zeros_like(share), share - tf.floor(share))
    place = tf.cast((index + 0.5) * scale - 0.5, tf.float32)
    plain = tf.floor(place)
    before = tf.cast(tf.where(area, before, tf.cast(plain, tf.float64)), tf.int32)
    return before, before + 1, tf.where(area, share, place - plain)


def _weights(share: Any) -> tuple[Any, Any]:
    """Return the weights of both neighbors, whole numbers in float64."""
    import tensorflow as tf

    one, other = tf.round((1 - share) * _ONE), tf.round(share * _ONE)
    return tf.cast(one, tf.float64), tf.cast(other, tf.float64)
