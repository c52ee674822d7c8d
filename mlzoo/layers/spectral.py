"""Convolutions by frequency for maps of any height and width.

Li et al. 2021, "Fourier neural operator for parametric partial differential equations": what is
learned is a factor for each of the lowest frequencies, so that no weight depends on the number of
points. The few frequencies are taken by matrices of cosines and sines, which is faster than a fast
Fourier transform of all, has gradients of every order and is found in every export format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

from mlzoo.layers.grids import places


@keras.saving.register_keras_serializable(package="mlzoo")
class SpectralConvolution(keras.layers.Layer):
    """Multiply the lowest frequencies of maps by learned complex matrices, and drop all others.

    Frequency (k, l) of maps (batch, height, width, channels) with |k| < modes[0] and 0 <= l <
    modes[1] gets a matrix from channels to filters; the maps are real, so that the other half of
    the frequencies follows. Frequencies that a small map cannot hold (2 k >= side) are left out.

    Args:
        filters: channels of the result.
        modes: frequencies from 0 along height and width.
    """

    def __init__(self, filters: int, modes: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = int(filters)
        self.modes = (int(modes[0]), int(modes[1]))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrices; each keeps the energy of its frequency, in the mean."""
        channels = input_shape[-1]
        assert channels is not None
        rows, columns = self.modes
        self.real, self.imaginary = (
            self.add_weight(
                shape=(2 * rows - 1, columns, channels, self.filters),
                initializer=keras.initializers.RandomNormal(stddev=(2 * channels) ** -0.5),
                name=name,
            )
            for name in ("real", "imaginary")
        )

    def call(self, x: Any) -> Any:
        """Return (batch, height, width, filters)."""
        return self.convolve(x, *(partial(_multiply, k) for k in (self.real, self.imaginary)))

    def convolve(self, x: Any, real: Callable[[Any], Any], imaginary: Callable[[Any], Any]) -> Any:
        """Return the convolution of maps.

        Args:
            x: (batch, height, width, channels).
            real: multiplies (batch, k, l, channels) by the real parts of the matrices.
            imaginary: the same by the imaginary parts.
        """
        rows, columns = self.modes
        down = _Waves(places(x, 1), np.arange(1 - rows, rows), x.dtype)
        across = _Waves(places(x, 2), np.arange(columns), x.dtype)
        # Forward, exp(-i angle): along the width, then along the height.
        z = ops.matmul(ops.concatenate([across.mean_cos, -across.mean_sin]), x)
        a, b = z[:, :, :columns], z[:, :, columns:]
        a, b = (
            _along("bhlc,kh->bklc", a, down.mean_cos, b, down.mean_sin),
            _along("bhlc,kh->bklc", b, down.mean_cos, -a, down.mean_sin),
        )
        a, b = real(a) - imaginary(b), imaginary(a) + real(b)
        # Backward, exp(i angle); each column but the first stands for its negative, too.
        a, b = (
            _along("bklc,kh->bhlc", a, down.cos, -b, down.sin),
            _along("bklc,kh->bhlc", b, down.cos, a, down.sin),
        )
        twice = np.where(np.arange(columns) > 0, 2.0, 1.0)[:, None].astype("float32")
        basis = ops.concatenate([ops.multiply(twice, each) for each in (across.cos, -across.sin)])
        basis = ops.cast(ops.transpose(basis), x.dtype)
        return ops.matmul(basis, ops.concatenate([a, b], axis=2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with the filters as channels."""
        return *input_shape[:-1], self.filters

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "filters": self.filters, "modes": self.modes}


class _Waves:
    """Cosines and sines of frequencies at the points of one axis, (frequencies, points) each.

    `mean_cos` and `mean_sin` are divided by the number of points, and 0 for a frequency that so
    few points cannot hold.

    Args:
        place: 0, 1, ... (points,) int32.
        frequencies: in periods an axis, whole.
        dtype: of the result.
    """

    def __init__(self, place: Any, frequencies: np.ndarray, dtype: Any) -> None:
        column = frequencies[:, None].astype("int32")
        count = place[-1] + 1
        # Whole periods are left out before the numbers become floats, which keeps them exact.
        turns = ops.cast(ops.multiply(column, place) % count, "float32") / ops.cast(
            count, "float32"
        )
        held = ops.cast(ops.less(np.abs(2 * column), count), "float32") / ops.cast(count, "float32")
        cos, sin = ops.cos(2 * math.pi * turns), ops.sin(2 * math.pi * turns)
        self.cos, self.sin = ops.cast(cos, dtype), ops.cast(sin, dtype)
        self.mean_cos, self.mean_sin = ops.cast(held * cos, dtype), ops.cast(held * sin, dtype)


def _along(equation: str, a: Any, first: Any, b: Any, second: Any) -> Any:
    return ops.einsum(equation, a, first) + ops.einsum(equation, b, second)


def _multiply(kernel: Any, z: Any) -> Any:
    return ops.einsum("bklc,klcf->bklf", z, ops.cast(kernel, z.dtype))
