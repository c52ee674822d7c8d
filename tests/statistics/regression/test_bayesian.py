"""The posterior of a linear regression is scikit-learn's, and that of the textbook."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge

from mlzoo.statistics.regression.bayesian import posterior
from mlzoo.statistics.regression.least_squares import reduce


def monomials(count: int = 200, degree: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.7, 1.7, count)
    targets = np.stack([np.sin(3 * x), x**2 - 5], axis=1) + 0.1 * rng.normal(size=(count, 2))
    return x[:, None] ** np.arange(1, degree + 1), targets


@pytest.mark.parametrize("rows", [200, 8])
def test_evidence_is_that_of_scikit_learn(rows: int) -> None:
    features, targets = monomials(rows)
    ours = posterior(reduce([(features, targets)]), target=0)
    theirs = BayesianRidge(tol=1e-14, max_iter=100_000).fit(features, targets[:, 0])
    assert ours.noise_precision == pytest.approx(theirs.alpha_, rel=1e-6)
    assert ours.weight_precision == pytest.approx(theirs.lambda_, rel=1e-6)
    np.testing.assert_allclose(ours.mean, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(ours.covariance, theirs.sigma_, atol=1e-6)
    mean, std = ours.predict(features)
    expected, without = theirs.predict(features, return_std=True)
    np.testing.assert_allclose(mean, expected, atol=1e-6)
    # scikit-learn leaves out how unsure the intercept is.
    np.testing.assert_allclose(std**2 - ours.intercept_variance, without**2, rtol=1e-6)


def test_given_precisions_have_the_closed_form() -> None:
    features, targets = monomials(50, 4)
    alpha, lam = 25.0, 2.0
    ours = posterior(reduce([(features, targets)]), 1, alpha, lam)
    centered = features - features.mean(axis=0)
    y = targets[:, 1] - targets[:, 1].mean()
    covariance = np.linalg.inv(alpha * centered.T @ centered + lam * np.eye(4))
    np.testing.assert_allclose(ours.covariance, covariance, atol=1e-9)
    np.testing.assert_allclose(ours.mean, alpha * covariance @ centered.T @ y, atol=1e-9)
    assert (ours.noise_precision, ours.weight_precision) == (alpha, lam)
    assert ours.intercept_variance == pytest.approx(1 / (alpha * 50))


def test_one_precision_may_be_given() -> None:
    features, targets = monomials(200, 4)
    system = reduce([(features, targets)])
    free = posterior(system, 0)
    assert posterior(system, 0, free.noise_precision).weight_precision == pytest.approx(
        free.weight_precision, rel=1e-6
    )
    assert posterior(system, 0, weight_precision=free.weight_precision).noise_precision == (
        pytest.approx(free.noise_precision, rel=1e-6)
    )


def test_drawn_functions_have_the_mean_and_spread_of_the_posterior() -> None:
    features, targets = monomials(20, 3)
    ours = posterior(reduce([(features, targets)]), 0)
    drawn = ours.draw(features, 20_000, np.random.default_rng(0))
    mean, std = ours.predict(features)
    of_functions = np.sqrt(std**2 - 1 / ours.noise_precision)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * of_functions.max() / 140)
    np.testing.assert_allclose(drawn.std(axis=0), of_functions, rtol=0.03)
