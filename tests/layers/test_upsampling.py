"""Bilinear upsampling: Keras's numbers, and maps of any size."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.layers.upsampling import BilinearUp

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4)])
def test_the_numbers_are_those_of_keras(size: tuple[int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    expected = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
    np.testing.assert_allclose(BilinearUp()(x), expected, atol=1e-6)


def test_maps_of_any_size_pass_one_model() -> None:
    start = keras.Input((None, None, 1))
    model = keras.Model(start, BilinearUp()(start))
    for height, width in ((4, 6), (3, 5), (8, 2)):
        x = np.arange(height * width, dtype="float32").reshape(1, height, width, 1)
        found = model.predict(x, verbose=0)
        assert found.shape == (1, 2 * height, 2 * width, 1)
        assert found[0, 0, 0, 0] == x[0, 0, 0, 0]
        assert found[0, -1, -1, 0] == x[0, -1, -1, 0]
