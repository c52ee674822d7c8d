from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.preprocessing import PolynomialFeatures

from mlzoo.layers.polynomial import Polynomial, monomial_count

pytestmark = pytest.mark.backends


@pytest.mark.parametrize(("features", "degree"), [(1, 5), (2, 2), (4, 3), (3, 4)])
def test_monomials_are_those_of_scikit_learn(features: int, degree: int) -> None:
    x = np.random.default_rng(0).normal(size=(5, features)).astype("float32")
    layer = Polynomial(degree)
    expected = PolynomialFeatures(degree, include_bias=False).fit_transform(x)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(x)), expected, rtol=1e-4)
    assert layer.compute_output_shape((None, features)) == (None, expected.shape[1])
    assert monomial_count(features, degree) == expected.shape[1]


def test_serialisation() -> None:
    again = keras.layers.deserialize(keras.layers.serialize(Polynomial(3, name="p")))
    assert (type(again), again.degree, again.name) == (Polynomial, 3, "p")
