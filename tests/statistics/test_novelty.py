"""Distances to training samples in whitened features, and tests of batches."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from mlzoo.statistics.novelty.distances import nearest, whitening
from mlzoo.statistics.novelty.drift import FEATURES, drift_tests, step_down


def test_the_nearest_are_those_of_scikit_learn_and_a_sample_is_at_no_distance_from_itself() -> None:
    rng = np.random.default_rng(0)
    training = rng.normal(size=(700, 5)).astype("float32") + 100
    new = rng.normal(size=(600, 5)).astype("float32") + 100
    expected = NearestNeighbors(n_neighbors=3).fit(training).kneighbors(new)
    positions, distances = nearest(new - 100, training - 100, 3)
    np.testing.assert_array_equal(positions, expected[1])
    np.testing.assert_allclose(distances, expected[0], rtol=1e-3)
    positions, distances = nearest(training, training)
    assert (distances == 0).all() and (positions[:, 0] == np.arange(700)).all()


def test_blocks_are_whitened_by_themselves_and_have_the_same_weight() -> None:
    rng = np.random.default_rng(1)
    mixed = rng.normal(size=(4000, 3)) @ rng.normal(size=(3, 3)) * 50 + 7
    features = np.concatenate([mixed, rng.normal(size=(4000, 1))], axis=1)
    whitened = whitening(features, [3, 1])
    values = whitened(features)
    np.testing.assert_allclose(np.cov(values.T), np.diag([1 / 3] * 3 + [1]), atol=0.02)
    constant = whitening(np.ones((10, 2)), [2])(np.ones((3, 2)))
    assert constant == pytest.approx(0)


def batches(rng: np.random.Generator, shift: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated columns, the last one of categories, and features."""
    x = rng.normal(size=(60, 3)) @ np.array([[1, 0.8, 0.8], [0, 0.6, 0], [0, 0, 0.6]])
    kinds = rng.integers(0, 3, (60, 1)).astype(float)
    x[:, 1] += shift
    return np.concatenate([x, kinds], axis=1), x.astype("float32")


def test_drift_raises_false_alarms_at_the_rate_and_names_the_column() -> None:
    rng = np.random.default_rng(2)
    names, categorical = ["a", "b", "c", "kind"], [False, False, False, True]
    alarms = [
        drift_tests(batches(rng), batches(rng), names, categorical, seed, 99)[0].adjusted <= 0.1
        for seed in range(200)
    ]
    assert np.mean(alarms) == pytest.approx(0.1, abs=0.04)
    first, second, *others = drift_tests(batches(rng), batches(rng, 1.5), names, categorical)
    assert {first.name, second.name} == {"b", FEATURES} and second.adjusted < 0.01
    assert all(test.adjusted > 0.05 for test in others)
    tested = {test.name: test for test in [first, second, *others]}
    assert tested["kind"].test == "chi-square" and tested["b"].test == "kolmogorov-smirnov"


def test_statistics_of_drift_are_those_of_scipy() -> None:
    rng = np.random.default_rng(3)
    known, new = batches(rng), batches(rng, 0.3)
    known[0][:5, 0] = np.nan  # missing values are the smallest
    tests = {t.name: t for t in drift_tests(known, new, "abck", [False] * 3 + [True])}
    first = [np.where(np.isnan(x), -1e9, x) for x in (known[0][:, 0], new[0][:, 0])]
    assert tests["a"].statistic == pytest.approx(stats.ks_2samp(*first).statistic)
    found = stats.ks_2samp(known[0][:, 1], new[0][:, 1])
    assert tests["b"].statistic == pytest.approx(found.statistic)
    assert tests["b"].p == pytest.approx(found.pvalue, abs=0.1)
    counts = [np.bincount(x[0][:, 3].astype(int), minlength=3) for x in (known, new)]
    assert tests["k"].statistic == pytest.approx(stats.chi2_contingency(counts).statistic)


def test_step_down_adjusts_for_what_is_not_rejected_yet() -> None:
    p = np.array([[0.01, 0.3], [0.5, 0.2], [0.4, 0.005], [0.9, 0.9]])
    np.testing.assert_allclose(step_down(p), [2 / 4, 3 / 4])
