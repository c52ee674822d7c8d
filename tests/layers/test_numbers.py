"""Layers for the numbers of a table against their formulas."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.data.samples import Part
from mlzoo.layers.input_scaling import input_spec
from mlzoo.layers.numbers import ClipNumbers, PeriodicEmbedding, RankNumbers
from tests.training import made

pytestmark = pytest.mark.backends
X = np.array([[0.5, -4.0, 1.0], [2.0, 3.5, 0.0]], "float32")


def values(layer: keras.layers.Layer, x: np.ndarray = X) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(x))


def test_clipping_leaves_categories_alone() -> None:
    expected = [[0.5, -3.0, 1.0], [2.0, 3.0, 0.0]]
    np.testing.assert_allclose(values(ClipNumbers(2, 3)), expected)


def test_periodic_embedding_is_its_formula() -> None:
    layer = PeriodicEmbedding(2, size=3, frequencies=4, scale=0.7)
    found = values(layer)
    f, b, kernel, bias = (keras.ops.convert_to_numpy(w) for w in layer.weights)
    assert f.std() > 0.1
    for row, x in zip(found, X, strict=True):
        for number in range(2):
            waves = np.cos(2 * np.pi * f[number] * x[number] + b[number])
            expected = [x[number], *(waves @ kernel[number] + bias[number])]
            np.testing.assert_allclose(row[3 * number : 3 * number + 3], expected, atol=1e-5)
        assert row[6] == x[2]
    assert layer.compute_output_shape((None, 3)) == (None, 7)


def test_ranks_are_those_of_the_training_split() -> None:
    data = made.data(n=500)
    part = data.train
    skewed = np.exp(2 * part.samples.inputs)
    skewed[:, 2] = np.round(part.samples.inputs[:, 2])  # many ties
    inputs = input_spec(Part(made.as_table(part.samples, skewed), part.indices))
    assert inputs.numbers == 3
    layer = RankNumbers(*zip(*inputs.ranks, strict=True))
    train = skewed[part.indices]
    z = ((train - train.mean(axis=0)) / train.std(axis=0)).astype("float32")
    found = values(layer, z)
    np.testing.assert_allclose(found[:, :3], z)
    for column in range(3):
        below = (z[:, column, None] > z[None, :, column]).mean(axis=1)
        up_to = (z[:, column, None] >= z[None, :, column]).mean(axis=1)
        expected = ((below + up_to) / 2 - 0.5) * np.sqrt(12)
        # Between knots a rank is off by at most the share of values between them, 1/32.
        np.testing.assert_allclose(found[:, 3 + column], expected, atol=np.sqrt(12) / 32)
        distances = np.abs(z[:, column, None] - np.array(inputs.ranks[column][0]))
        at = distances.min(axis=1) < 1e-6
        np.testing.assert_allclose(found[at, 3 + column], expected[at], atol=1e-3)
        assert at.sum() >= 30
    outside = values(layer, np.array([[-99, -99, -99], [99, 99, 99]], "float32"))[:, 3:]
    assert (np.abs(outside) <= np.sqrt(3) + 1e-6).all()
