"""Least squares by orthogonal factors equal NumPy's and scikit-learn's, read in chunks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from mlzoo.statistics.regression.least_squares import reduce, solve


def monomials(count: int = 200, degree: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.7, 1.7, count)
    targets = np.stack([np.sin(3 * x), x**2 - 5], axis=1) + 0.1 * rng.normal(size=(count, 2))
    return x[:, None] ** np.arange(1, degree + 1), targets


def test_an_ill_conditioned_polynomial_in_chunks() -> None:
    features, targets = monomials()
    assert np.linalg.cond(features) > 1e3
    cuts = [0, 3, 50, 200]
    chunks = [(features[a:b], targets[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    system = reduce(chunks)
    weights, intercepts = solve(system)
    expected = np.linalg.lstsq(np.c_[np.ones(len(features)), features], targets, rcond=None)
    np.testing.assert_allclose(weights, expected[0][1:], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(intercepts, expected[0][0], rtol=1e-9)
    np.testing.assert_allclose(system.residual, expected[1], rtol=1e-9)


def test_ridge_leaves_the_intercept_alone() -> None:
    features, targets = monomials(degree=4)
    weights, intercepts = solve(reduce([(features, targets)]), ridge=3.0)
    expected = Ridge(alpha=3.0).fit(features, targets)
    np.testing.assert_allclose(weights.T, expected.coef_, rtol=1e-8)
    np.testing.assert_allclose(intercepts, expected.intercept_, rtol=1e-8)


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_fewer_rows_than_features_are_fitted_exactly(rows: int) -> None:
    features, targets = monomials(rows, 6)
    system = reduce([(features, targets)])
    weights, intercepts = solve(system)
    np.testing.assert_allclose(features @ weights + intercepts, targets, atol=1e-9)
    assert system.residual.tolist() == pytest.approx([0, 0], abs=1e-12)


def test_categories_that_sum_to_one_share_their_weight() -> None:
    rng = np.random.default_rng(1)
    features = np.eye(3)[rng.integers(3, size=40)]
    targets = features @ [[1.0], [2.0], [6.0]]
    weights, intercepts = solve(reduce([(features, targets)]))
    np.testing.assert_allclose(features @ weights + intercepts, targets, atol=1e-12)
    np.testing.assert_allclose(
        features @ weights + intercepts,
        LinearRegression().fit(features, targets).predict(features),
        atol=1e-9,
    )


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        reduce([])
