from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.checking.backend import double
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.activations import AdaptiveTanh, AtLeast, TrainableExponent, TrainableSlope
from mlzoo.layers.blocks import activate
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.models import mlp


def _apply(layer: Callable[[Any], Any], x: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(np.asarray(x, "float32")))


def _gradients(layer: keras.layers.Layer, x: list[float], upstream: list[float]) -> np.ndarray:
    """Gradient of sum(upstream * layer(x)) in the layer's only weight."""
    tensor = keras.Input((len(x),))
    model = keras.Model(tensor, layer(tensor))
    recorder = GradientRecorder()
    model.compile(recorder, loss=lambda y, p: keras.ops.sum(y * p, axis=-1))
    model.train_on_batch(np.array([x], "float32"), np.array([upstream], "float32"))
    return recorder.gradients()[0]


def test_exponent_values() -> None:
    layer = TrainableExponent(2.0)
    np.testing.assert_allclose(_apply(layer, [3, -1, 0, 0.5]), [9, -0.01, 0, 0.25], atol=1e-7)
    np.testing.assert_allclose(_apply(TrainableExponent(), [2]), [2**1.7], rtol=1e-6)


@pytest.mark.backends
def test_exponent_gradient_is_upstream_times_log_times_power() -> None:
    x, upstream = [3.0, 0.5, -2.0], [1.0, -4.0, 7.0]
    expected = 1.0 * np.log(3) * 9 + -4.0 * np.log(0.5) * 0.25
    assert _gradients(TrainableExponent(2.0), x, upstream) == pytest.approx(expected, rel=1e-5)


@pytest.mark.backends
def test_exponent_is_finite_at_and_near_zero() -> None:
    x = [0.0, -0.0, 1e-45, 1e-38, 1e-30, -1e-38]
    assert np.abs(_apply(TrainableExponent(1.01), x)).max() < 2e-7
    gradient = _gradients(TrainableExponent(1.01), x, [1.0] * 6)
    assert np.isfinite(gradient) and abs(gradient) < 1e-4


@pytest.mark.backends
def test_gradient_through_the_exponent_is_finite_at_zero() -> None:
    tensor = keras.Input((2,))
    dense = keras.layers.Dense(3, kernel_initializer="zeros")
    model = keras.Model(tensor, TrainableExponent()(dense(tensor)))
    recorder = GradientRecorder()
    model.compile(recorder, "mse")
    model.train_on_batch(np.ones((4, 2), "float32"), np.ones((4, 3), "float32"))
    assert all(np.isfinite(gradient).all() for gradient in recorder.gradients())


@pytest.mark.backends
def test_exponent_never_gets_under_its_minimum() -> None:
    tensor = keras.Input((1,))
    layer = TrainableExponent(1.4)
    model = keras.Model(tensor, layer(tensor))
    model.compile(keras.optimizers.SGD(10.0), loss=lambda y, p: keras.ops.sum(p, axis=-1))
    model.train_on_batch(np.array([[3.0]], "float32"), np.array([[0.0]], "float32"))
    assert float(layer.exponent) == pytest.approx(1.01)
    with pytest.raises(ValueError, match="starts at 1.0, under its minimum 1.01"):
        TrainableExponent(1.0)


@pytest.mark.backends
def test_slope_values_and_gradient() -> None:
    np.testing.assert_allclose(_apply(TrainableSlope(), [3, -2]), [3, -0.02], atol=1e-7)
    assert _gradients(TrainableSlope(), [3.0, -2.0, -1.0], [1.0, 5.0, 2.0]) == pytest.approx(-12)


@pytest.mark.parametrize(
    "thing", [TrainableExponent(1.5, 1.2, name="a"), TrainableSlope(0.2, name="b"), AtLeast(0.3)]
)
def test_serialisation(thing: Any) -> None:
    config = keras.saving.serialize_keras_object(thing)
    assert config["registered_name"] == f"mlzoo>{type(thing).__name__}"
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == thing.get_config()


def _activated(name: str, x: list[float]) -> np.ndarray:
    tensor = keras.Input((len(x),))
    return _apply(keras.Model(tensor, activate(tensor, name, "a")), [x])[0]


def test_leaky_slope_and_selu_constants() -> None:
    np.testing.assert_allclose(_activated("leaky_relu", [-1, 2]), [-0.01, 2], atol=1e-7)
    expected = [1.0507, -1.0507 * 1.6733, 1.0507 * 1.6733 * (np.exp(-0.5) - 1)]
    np.testing.assert_allclose(_activated("selu", [1, -50, -0.5]), expected, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relu", [0, 2]),
        ("elu", [np.exp(-1) - 1, 2]),
        ("prelu", [-0.25, 2]),
        ("tanh", np.tanh([-1, 2])),
        ("sigmoid", 1 / (1 + np.exp([1, -2]))),
        ("linear", [-1, 2]),
        ("trainable_slope", [-0.01, 2]),
        ("trainable_exponent", [-0.01, 2**1.7]),
    ],
)
def test_activations_by_name(name: str, expected: Any) -> None:
    np.testing.assert_allclose(_activated(name, [-1, 2]), expected, rtol=1e-5)


def test_prelu_of_an_image_has_one_slope_a_channel() -> None:
    tensor = keras.Input((5, 4, 3))
    model = keras.Model(tensor, activate(tensor, "prelu", "a"))
    assert model.count_params() == 3


def _deep(activation: str, initializer: str, seed: int = 0, scale: float = 1.0) -> list[np.ndarray]:
    """Outputs of layers 1 and 50 of 50 layers with 50 units, for N(0, scale²) inputs."""
    keras.utils.set_random_seed(seed)
    config = mlp.Config(hidden=[50] * 50, activation=activation, initializer=initializer, dropout=0)
    model = mlp.build(config, Inputs((50,)), Outputs("regression", 1))
    layers = [model.get_layer(f"hidden{i}_activation").output for i in (1, 50)]
    x = np.random.default_rng(seed).normal(size=(200, 50)).astype("float32") * scale
    return [keras.ops.convert_to_numpy(y) for y in keras.Model(model.input, layers)(x)]


def test_deep_tanh_saturates_from_normal_weights_and_not_from_glorot() -> None:
    first, last = _deep("tanh", "standard_normal")
    assert min(np.mean(np.abs(y) > 0.99) for y in (first, last)) > 0.6
    first, last = _deep("tanh", "glorot_normal")
    assert np.mean(np.abs(last) > 0.99) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "initializer", "low", "high"),
    [
        ("tanh", "glorot_normal", 0.95, 1.05),
        ("relu", "he_normal", 0.9, 1.1),
        ("relu", "glorot_normal", 0.4, 0.6),  # the half that ReLU cuts off is lost in each layer
    ],
)
def test_depth_keeps_the_size_of_signals(
    activation: str, initializer: str, low: float, high: float
) -> None:
    # Inputs of .1 keep tanh nearly linear, which is what Glorot's rule is derived for.
    pairs = [_deep(activation, initializer, seed, scale=0.1) for seed in range(3)]
    ratio = np.median([np.square(last).mean() / np.square(first).mean() for first, last in pairs])
    assert low < ratio ** (1 / 49) < high


@pytest.mark.backends
def test_adaptive_tanh_is_tanh_in_the_precision_of_its_input() -> None:
    x = np.linspace(-4, 4, 9)
    with double():
        layer = AdaptiveTanh(adaptive=True)
        y = keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(x)))
        np.testing.assert_allclose(y, np.tanh(x), atol=1e-14)
        layer.slope.assign(0.5)
        y = keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(x)))
        np.testing.assert_allclose(y, np.tanh(x / 2), atol=1e-14)
    assert AdaptiveTanh().get_config()["adaptive"] is False
