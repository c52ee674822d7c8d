from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models import linear


def test_degree_two_predicts_what_a_polynomial_fit_does() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 3)).astype("float32")
    y = 1 + x[:, 0] * x[:, 1] - x[:, 2] ** 2 + 0.1 * generator.normal(size=50)
    monomials = PolynomialFeatures(2, include_bias=False).fit_transform(x)
    fit = LinearRegression().fit(monomials, y)
    model = linear.build(linear.Config(degree=2), Inputs((3,)), Outputs("regression", 1))
    assert model.count_params() == 10
    model.get_layer("head").set_weights([fit.coef_[:, None], np.array([fit.intercept_])])
    predicted = keras.ops.convert_to_numpy(model(x))[:, 0]
    np.testing.assert_allclose(predicted, fit.predict(monomials), atol=1e-5)


def test_starts_from_zero_weights_so_from_the_mean() -> None:
    outputs = Outputs("regression", 2, mean=(5.0, -1.0), std=(2.0, 3.0))
    model = linear.build(linear.Config(), Inputs((4,)), outputs)
    predicted = keras.ops.convert_to_numpy(model(np.ones((3, 4), "float32")))
    np.testing.assert_allclose(predicted, [[5, -1]] * 3)


def test_too_many_monomials_are_refused() -> None:
    with pytest.raises(UsageError, match="308,504 monomials of 784 inputs.*lower the degree"):
        linear.build(
            linear.Config(degree=2), Inputs((28, 28, 1), "image"), Outputs("regression", 1)
        )


def test_penalties_are_in_the_loss() -> None:
    config = linear.Config(l1=0.5, l2=0.25)
    model = linear.build(config, Inputs((2,)), Outputs("regression", 1))
    model.get_layer("head").set_weights([np.array([[2.0], [-4.0]]), np.array([9.0])])
    assert float(sum(model.losses)) == pytest.approx(0.5 * 6 + 0.25 * 20)
