from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.data.specs import IGNORED, Outputs
from mlzoo.layers.gradients import GradientRecorder
from mlzoo.losses import crossentropy
from mlzoo.losses._classes import Focal
from mlzoo.losses._numbers import Standardised


def _loss(loss: keras.losses.Loss, y: Any, p: Any) -> float:
    return float(loss(np.asarray(y), np.asarray(p, "float32")))


@pytest.mark.parametrize(("gamma", "value"), [(0, 0.693147), (1, 0.346574), (2, 0.173287)])
def test_focal_at_one_half(gamma: float, value: float) -> None:
    assert _loss(Focal(gamma), [0], [[0.5, 0.3, 0.2]]) == pytest.approx(value, abs=1e-6)
    assert _loss(Focal(gamma), [[1]], [[0.5]]) == pytest.approx(value, abs=1e-6)
    assert _loss(Focal(gamma), [0], [[0.5]]) == pytest.approx(value, abs=1e-6)


def test_focal_without_focus_is_cross_entropy() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=7)
    y = np.arange(7) % 4
    expected = _loss(keras.losses.SparseCategoricalCrossentropy(), y, p)
    assert _loss(Focal(0), y, p) == pytest.approx(expected, rel=1e-5)
    assert _loss(Focal(0), y[:, None], p) == pytest.approx(expected, rel=1e-5)
    assert _loss(Focal(0), np.eye(4)[y], p) == pytest.approx(expected, rel=1e-5)


def test_focal_alpha_is_one_weight_or_one_a_class() -> None:
    base = _loss(Focal(2), [0, 1], [[0.2], [0.2]])
    assert _loss(Focal(2, 0.25), [0, 1], [[0.2], [0.2]]) == pytest.approx(base / 4, rel=1e-5)
    negative, positive = 0.2**2 * -np.log(0.8), 0.8**2 * -np.log(0.2)
    expected = (0.3 * negative + 0.7 * positive) / 2
    assert _loss(Focal(2, [0.3, 0.7]), [0, 1], [[0.2], [0.2]]) == pytest.approx(expected, rel=1e-5)


def test_focal_weighs_samples() -> None:
    p, y = np.array([[0.5, 0.5], [0.9, 0.1]], "float32"), np.array([0, 0])
    weighted = Focal(1)(y, p, sample_weight=np.array([2.0, 0.0]))
    assert float(weighted) == pytest.approx(0.346574, abs=1e-5)


@pytest.mark.backends
@pytest.mark.parametrize("loss", [Focal(2), Focal(0.5), Focal(0)])
def test_gradients_are_finite_where_probabilities_are_0_or_1(loss: keras.losses.Loss) -> None:
    tensor = keras.Input((2, 2))
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(tensor, dense(tensor))
    dense.set_weights([np.array([[900.0, -900, 0], [0, 900, -900]]), np.zeros(3)])
    recorder = GradientRecorder()
    model.compile(recorder, loss)
    x = np.random.default_rng(0).normal(size=(6, 2, 2)).astype("float32")
    value = model.train_on_batch(x, np.arange(12).reshape(6, 2) % 3)
    assert np.isfinite(value)
    assert all(np.isfinite(gradient).all() for gradient in recorder.gradients())


@pytest.mark.backends
@pytest.mark.parametrize("inner", ["mse", "mae", "huber", keras.losses.MeanAbsoluteError()])
def test_standardised_is_the_inner_loss_of_standard_scores(inner: Any) -> None:
    generator = np.random.default_rng(1)
    y, p = generator.normal(3, 5, size=(2, 6, 2)).astype("float32")
    mean, std = np.array([3.0, -1.0]), np.array([5.0, 0.5])
    expected = keras.losses.get(inner)((y - mean) / std, (p - mean) / std)
    value = _loss(Standardised(inner, mean, std), y, p)
    assert value == pytest.approx(float(np.mean(keras.ops.convert_to_numpy(expected))), rel=1e-5)


@pytest.mark.backends
def test_standardised_does_not_spread_a_flat_target() -> None:
    # (n,) against (n, 1) would broadcast to (n, n).
    y = np.array([0.0, 2.0])

    def squares(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    assert _loss(Standardised(squares, [0.0], [2.0]), y, y[:, None]) == 0


def test_standardised_does_not_depend_on_units() -> None:
    y, p = np.array([[1.0], [2.0]]), np.array([[1.5], [1.0]])
    metres = _loss(Standardised("mse", [1.5], [0.5]), y, p)
    millimetres = _loss(Standardised("mse", [1500], [500]), y * 1000, p * 1000)
    assert metres == pytest.approx(millimetres, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        Focal(1.5, [0.2, 0.8]),
        Standardised("huber", [1.0], [2.0]),
        Standardised(keras.losses.LogCosh(), [1.0], [2.0]),
        Standardised(Focal(0.5), [0.0], [1.0]),
    ],
)
def test_serialisation(loss: keras.losses.Loss) -> None:
    config = keras.losses.serialize(loss)
    assert config["registered_name"].startswith("mlzoo>")
    again = keras.losses.deserialize(config)
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    y, p = np.array([[1.0], [0.0]]), np.array([[0.3], [0.6]])
    assert _loss(again, y, p) == _loss(loss, y, p)


def test_smoothed_labels_are_those_of_keras() -> None:
    y = np.array([0, 3, 2])
    p = np.random.default_rng(0).dirichlet(np.ones(4), 3).astype("float32")
    keras_loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    expected = float(keras_loss(np.eye(4, dtype="float32")[y], p))
    assert _loss(Focal(0, smoothing=0.1), y, p) == pytest.approx(expected, rel=1e-5)
    assert _loss(Focal(0, smoothing=0.1), np.eye(4)[y], p) == pytest.approx(expected, rel=1e-5)
    two = np.array([[0.2], [0.9], [0.4]], "float32")
    binary = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
    expected = float(binary(np.array([[0.0], [1.0], [1.0]], "float32"), two))
    assert _loss(Focal(0, smoothing=0.1), [0, 1, 1], two) == pytest.approx(expected, rel=1e-5)


def test_smoothed_labels_of_pixels_leave_ignored_ones_out() -> None:
    p = np.random.default_rng(1).dirichlet(np.ones(3), (1, 2, 2)).astype("float32")
    y = np.array([[[0, 2], [1, IGNORED]]], "uint8")
    config = crossentropy.Config(label_smoothing=0.3)
    loss = crossentropy.build(config, Outputs("segmentation", 3))
    logs = -np.log(p[0])
    each = [
        0.7 * logs[i, j, k] + 0.1 * logs[i, j].sum()
        for i, j, k in [(0, 0, 0), (0, 1, 2), (1, 0, 1)]
    ]
    assert float(loss(y, p)) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(crossentropy.build(crossentropy.Config(), Outputs("segmentation", 3))(y, p)) != (
        pytest.approx(np.mean(each), rel=1e-2)
    )
