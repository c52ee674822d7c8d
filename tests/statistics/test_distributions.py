"""Scores of distributions are their definitions, integrated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from mlzoo.statistics.predictive.distributions import crps_normal, crps_quantiles, nll_normal


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


@pytest.mark.parametrize("y", [-3.0, 0.4, 1.0, 2.5, 7.0])
def test_crps_of_quantiles_is_the_integral_over_lines_between_them(y: float) -> None:
    levels, quantiles = (0.1, 0.5, 0.8), np.array([-1.0, 1.0, 3.0])
    v = np.linspace(-5, 9, 1_400_001)
    f = np.interp(v, quantiles, levels, left=0.0, right=1.0)
    expected = ((f - (v >= y)) ** 2).sum() * (v[1] - v[0])
    score = crps_quantiles(np.array([[y]]), quantiles[None, :, None], levels)
    assert score[0, 0] == pytest.approx(expected, rel=1e-4)


def test_quantiles_that_coincide_score_as_a_point() -> None:
    at_three = np.full((2, 3, 1), 3.0)
    score = crps_quantiles(np.array([[3.0], [5.0]]), at_three, (0.1, 0.5, 0.9))
    assert score.tolist() == [[0.0], [2.0]]


def test_close_quantiles_of_a_normal_distribution_have_its_crps() -> None:
    levels = np.linspace(0.005, 0.995, 199)
    y = np.array([[-2.0], [0.1], [1.5]])
    quantiles = np.tile(norm.ppf(levels)[:, None], (3, 1, 1))
    normal = crps_normal(y, np.zeros_like(y), np.ones_like(y))
    np.testing.assert_allclose(crps_quantiles(y, quantiles, levels), normal, atol=0.003)


def test_negative_log_likelihood() -> None:
    y, mean, std = np.array([[0.0, 1.0, 9.0], [1.0, 1.0, 0.0], [1.0, 0.1, 3.0]])
    np.testing.assert_allclose(nll_normal(y, mean, std), -norm.logpdf(y, mean, std))


def test_both_are_proper() -> None:
    y = np.random.default_rng(0).normal(2, 3, 100_000)
    for score in (crps_normal, nll_normal):
        at = [score(y, np.full_like(y, 2), np.full_like(y, s)).mean() for s in (2.0, 3.0, 4.5)]
        assert at[1] == min(at)
