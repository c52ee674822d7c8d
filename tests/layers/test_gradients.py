from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.layers.gradients import GradientRecorder

pytestmark = pytest.mark.backends


def _line() -> tuple[keras.Model, GradientRecorder]:
    tensor = keras.Input((2,))
    dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5))
    model = keras.Model(tensor, dense(tensor))
    model.set_weights([np.array([[1.0], [-2.0]]), np.array([0.5])])
    recorder = GradientRecorder()
    model.compile(recorder, "mse")
    return model, recorder


def test_gradients_are_the_analytic_ones_and_weights_stay() -> None:
    model, recorder = _line()
    before = model.get_weights()
    x = np.array([[1.0, 2.0], [0.0, 3.0], [-1.0, 1.0]], "float32")
    y = np.array([[1.0], [0.0], [2.0]], "float32")
    for _ in range(2):  # the second batch must replace the first, not add to it
        model.train_on_batch(x, y)
    residual = x @ before[0] + before[1] - y
    kernel, bias = recorder.gradients()
    np.testing.assert_allclose(kernel, 2 * x.T @ residual / 3 + before[0], rtol=1e-5)
    np.testing.assert_allclose(bias, 2 * residual.mean(axis=0), rtol=1e-5)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_order_is_that_of_the_trainable_variables() -> None:
    tensor = keras.Input((3,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(4)(tensor))
    model = keras.Model(tensor, keras.layers.Dense(2)(x))
    recorder = GradientRecorder()
    model.compile(recorder, "mse")
    model.train_on_batch(np.ones((5, 3), "float32"), np.zeros((5, 2), "float32"))
    shapes = [gradient.shape for gradient in recorder.gradients()]
    assert shapes == [tuple(v.shape) for v in model.trainable_variables]
