"""Derivatives of functions and networks against formulas and differences."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
from keras import ops

from mlzoo.checking.backend import double
from mlzoo.layers.activations import AdaptiveTanh
from mlzoo.layers.derivatives.interface import derivatives, functions, weighted_terms

pytestmark = pytest.mark.backends
POINTS = np.random.default_rng(0).uniform(-1, 1, (7, 2))


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with double():
        yield


def _numpy(tensor: object) -> np.ndarray:
    return ops.convert_to_numpy(tensor)


def test_derivatives_of_a_product_of_waves() -> None:
    def function(points):
        xp = functions()
        x, y = points[:, :1], points[:, 1:]
        return xp.concatenate([xp.sin(2 * x) * xp.exp(3 * y), x**3 * y], axis=-1)

    words = [(0, 0), (0, 0, 1), (1,), (0, 0, 0, 0)]
    found = derivatives(function, ops.convert_to_tensor(POINTS), words)
    x, y = POINTS.T
    wave = np.sin(2 * x) * np.exp(3 * y)
    slope = 2 * np.cos(2 * x) * np.exp(3 * y)
    expected = {
        (): (wave, x**3 * y),
        (0,): (slope, 3 * x**2 * y),
        (1,): (3 * wave, x**3),
        (0, 0): (-4 * wave, 6 * x * y),
        (0, 0, 1): (-12 * wave, 6 * x),
        (0, 0, 0, 0): (16 * wave, 0 * x),
    }
    for word, values in expected.items():
        np.testing.assert_allclose(_numpy(found[word]), np.stack(values, -1), atol=1e-10)


def test_gradients_by_weights_of_derivatives_by_inputs() -> None:
    keras.utils.set_random_seed(1)
    start = keras.Input((2,))
    hidden = AdaptiveTanh()(keras.layers.Dense(5)(start))
    model = keras.Model(start, keras.layers.Dense(1)(hidden))

    def terms(function, points):
        found = derivatives(function, points[0], [(0, 0), (1,)])
        residual = found[1,] - 0.3 * found[0, 0] + found[()] * found[0,]
        xp = functions()
        return xp.stack([xp.mean(residual**2), xp.mean(function(points[1]) ** 2)])

    goal = weighted_terms(model, terms, keras.optimizers.SGD(1e-3))
    sets, weights = [POINTS, POINTS[:3]], np.array([1.0, 10.0])
    _, gradients = goal.gradients(sets, weights)
    kernel = model.trainable_variables[0]
    value, moved = _numpy(kernel.value), []
    for h in (1e-5, -1e-5):
        kernel.assign(value + h * np.eye(2, 5))
        moved.append(float(_numpy(goal.gradients(sets, weights)[0]) @ weights))
    kernel.assign(value)
    slope = (moved[0] - moved[1]) / 2e-5
    assert np.trace(_numpy(gradients[0])) == pytest.approx(slope, rel=1e-6)
    before = _numpy(goal.steps([points[None] for points in sets], weights)) @ weights
    assert _numpy(goal.gradients(sets, weights)[0]) @ weights < before
    np.testing.assert_allclose(_numpy(kernel.value), value - 1e-3 * _numpy(gradients[0]))


def test_steps_taken_at_once_are_those_of_one_after_another() -> None:
    keras.utils.set_random_seed(1)
    start = keras.Input((2,))
    model = keras.Model(start, keras.layers.Dense(1)(AdaptiveTanh()(keras.layers.Dense(5)(start))))
    first = [_numpy(variable.value) for variable in model.trainable_variables]

    def terms(function, points):
        return functions().stack(
            [functions().mean(derivatives(function, points[0], [(0, 0)])[0, 0] ** 2)]
        )

    drawn = np.random.default_rng(2).uniform(-1, 1, (3, 7, 2))
    ends, values = [], []
    for sets in ([drawn], [drawn[:1], drawn[1:2], drawn[2:]]):
        for variable, value in zip(model.trainable_variables, first, strict=True):
            variable.assign(value)
        goal = weighted_terms(model, terms, keras.optimizers.Adam(0.01))
        means = [_numpy(goal.steps([each], np.ones(1))) for each in sets]
        values.append(np.mean(means))
        ends.append([_numpy(variable.value) for variable in model.trainable_variables])
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    assert np.abs(ends[0][0] - first[0]).max() > 0.02
    for together, apart in zip(*ends, strict=True):
        np.testing.assert_allclose(together, apart, rtol=1e-12)
