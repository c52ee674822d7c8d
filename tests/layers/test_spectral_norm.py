"""Kernels divided by their largest singular value, and gradients through the division."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.layers.spectral_norm import SpectralNormConv2D, SpectralNormDense
from mlzoo.training.loop.steps import value_and_gradients


def settled(layer: keras.layers.Layer, x: np.ndarray) -> np.ndarray:
    """Return the outputs of a layer once its power method has converged."""
    for _ in range(60):
        layer(x, training=True)
    return keras.ops.convert_to_numpy(layer(x, training=False))


@pytest.mark.backends
def test_outputs_and_gradients_are_those_of_the_divided_kernel() -> None:
    keras.utils.set_random_seed(0)  # How soon the norm is found depends on the kernel.
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(5, 4)).astype("float32"), rng.normal(size=(5, 3))
    layer = SpectralNormDense(3)
    outputs = settled(layer, x)
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")

    def total(kernel: np.ndarray) -> float:
        return float((weights * (x @ kernel / np.linalg.norm(kernel, 2))).sum())

    np.testing.assert_allclose(outputs, x @ kernel / np.linalg.norm(kernel, 2), atol=1e-5)
    before = kernel.copy()
    _, [gradient] = value_and_gradients(
        lambda: {"loss": keras.ops.sum(layer(x, training=True) * weights.astype("float32"))},
        [layer.kernel],
        layer.variables,
    )
    steps = np.eye(12).reshape(12, 4, 3) * 1e-5
    expected = [(total(kernel + step) - total(kernel - step)) / 2e-5 for step in steps]
    actual = keras.ops.convert_to_numpy(gradient).ravel()
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer.kernel), before)


def test_a_convolution_is_that_of_the_divided_kernel_after_loading_too(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 3)).astype("float32")
    layer = SpectralNormConv2D(5, 4, 2, padding="same", name="c")
    outputs = settled(layer, x)
    norm = np.linalg.norm(keras.ops.convert_to_numpy(layer.kernel).reshape(-1, 5), 2)
    plain = keras.layers.Conv2D(5, 4, 2, padding="same")
    plain.build(x.shape)
    plain.set_weights([keras.ops.convert_to_numpy(layer.kernel) / norm, np.zeros(5)])
    np.testing.assert_allclose(outputs, keras.ops.convert_to_numpy(plain(x)), atol=1e-5)
    image = keras.Input((6, 6, 3))
    keras.Model(image, layer(image)).save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again(x)), outputs, atol=1e-6)
