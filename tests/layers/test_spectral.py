"""Spectral convolutions against NumPy's Fourier transform, and coordinates of grids."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.layers.grids import GridCoordinates, SensorValues
from mlzoo.layers.spectral import SpectralConvolution

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("sides", [(16, 10), (7, 5), (1, 16)])
def test_the_lowest_frequencies_are_multiplied(sides: tuple[int, int]) -> None:
    modes = (1 if sides[0] == 1 else 4, 4)  # 7 and 5 points hold fewer
    x = np.random.default_rng(0).normal(size=(2, *sides, 3)).astype("float32")
    layer = SpectralConvolution(5, modes)
    y = keras.ops.convert_to_numpy(layer(x))
    real, imaginary = (keras.ops.convert_to_numpy(each) for each in layer.weights)
    spectrum = np.fft.fft2(x, axes=(1, 2))
    changed = np.zeros((2, *sides, 5), complex)
    for row, k in enumerate(range(1 - modes[0], modes[0])):
        for column in range(modes[1]):
            if 2 * abs(k) < sides[0] and 2 * column < sides[1]:
                product = spectrum[:, k, column] @ (real + 1j * imaginary)[row, column]
                changed[:, k, column] += product * (2 if column else 1)
    np.testing.assert_allclose(y, np.fft.ifft2(changed, axes=(1, 2)).real, atol=1e-5)


def test_coordinates_of_coarse_points_are_among_the_fine_ones() -> None:
    layer = GridCoordinates()
    fine, coarse = (np.array(layer(np.zeros((1, n, 2 * n, 1), "float32"))) for n in (8, 4))
    np.testing.assert_array_equal(fine[:, ::2, ::2], coarse)
    assert coarse[0, 3, 6].tolist() == [0, 0.75, 0.75]
    wave = np.array(GridCoordinates((2,), periodic=True)(np.zeros((1, 1, 4, 1), "float32")))
    np.testing.assert_allclose(wave[0, 0, :, 1], [1, 0, -1, 0], atol=1e-6)


def test_sensors_interpolate_fields_of_any_resolution() -> None:
    ramp = np.arange(8.0, dtype="float32").reshape(1, 1, 8, 1)
    values = np.array(SensorValues((1, 4))(ramp))
    assert values.ravel().tolist() == [0, 2, 4, 6]
    np.testing.assert_array_equal(SensorValues((1, 8))(ramp), ramp)
    # Of 3 points at 0, 1/3 and 2/3: sensors at 0, 1/4, 1/2 and 3/4, the last beyond them.
    values = np.array(SensorValues((1, 4))(ramp[:, :, :3]))
    np.testing.assert_allclose(values.ravel(), [0, 0.75, 1.5, 2], atol=1e-6)
