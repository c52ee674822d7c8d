"""Scores of normal distributions are their definitions, integrated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from mlzoo.statistics.predictive.distributions import crps_normal, nll_normal


@pytest.mark.parametrize(("y", "mean", "std"), [(0.3, 1.0, 2.0), (-4.0, 0.0, 0.5), (1.0, 1.0, 1.0)])
def test_crps_is_the_integral_of_the_squared_difference_of_distributions(
    y: float, mean: float, std: float
) -> None:
    below = quad(lambda x: norm.cdf(x, mean, std) ** 2, mean - 12 * std, y)[0]
    above = quad(lambda x: (1 - norm.cdf(x, mean, std)) ** 2, y, mean + 12 * std)[0]
    found = crps_normal(np.array([y]), np.array([mean]), np.array([std]))
    assert found[0] == pytest.approx(below + above, rel=1e-6)


def test_without_spread_it_is_the_absolute_error() -> None:
    found = crps_normal(np.array([1.0, 5.0]), np.array([3.0, 5.0]), np.zeros(2))
    assert found.tolist() == [2, 0]


def test_negative_log_likelihood() -> None:
    y, mean, std = np.array([[0.0, 1.0, 9.0], [1.0, 1.0, 0.0], [1.0, 0.1, 3.0]])
    np.testing.assert_allclose(nll_normal(y, mean, std), -norm.logpdf(y, mean, std))


def test_both_are_proper() -> None:
    y = np.random.default_rng(0).normal(2, 3, 100_000)
    for score in (crps_normal, nll_normal):
        at = [score(y, np.full_like(y, 2), np.full_like(y, s)).mean() for s in (2.0, 3.0, 4.5)]
        assert at[1] == min(at)
