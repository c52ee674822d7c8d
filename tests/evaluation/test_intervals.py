"""Bootstrap intervals: coverage, groups, and where they mean nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.stats import beta, norm, t

from mlzoo.evaluation import intervals, metrics
from mlzoo.evaluation.scorers import Scorer


def accuracy(right: np.ndarray) -> dict[str, Scorer]:
    targets = np.zeros(len(right), int)
    outputs = np.eye(2)[np.where(right, 0, 1)]
    return {"accuracy": metrics.scorers("classification", targets, outputs)["accuracy"]}


def coverage(draw: object, truth: float, **settings: object) -> float:
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(300):
        right, groups = draw(rng)  # type: ignore[operator]
        low, high = intervals.intervals(  # type: ignore[misc]
            accuracy(right), len(right), groups if settings.get("grouped") else None, seed=trial
        )["accuracy"]
        hits += low <= truth <= high
    return hits / 300


def test_intervals_cover_the_truth_95_times_of_100() -> None:
    found = coverage(lambda rng: (rng.random(200) < 0.8, None), 0.8)
    assert 0.91 <= found <= 0.98


def test_grouped_samples_need_intervals_over_groups() -> None:
    """30 photographs of 10 patches each that are right or wrong nearly together."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        groups = np.repeat(np.arange(30), 10)
        chance = np.where(rng.random(30) < 0.8, 0.95, 0.2)
        return rng.random(300) < chance[groups], groups

    truth = 0.8 * 0.95 + 0.2 * 0.2
    assert coverage(draw, truth, grouped=True) >= 0.89
    assert coverage(draw, truth, grouped=False) <= 0.75


@pytest.mark.parametrize(("units", "expected"), [(5, 0.00096), (20, 0.0159), (10**6, 0.025)])
def test_tails_are_expanded_for_few_units(units: int, expected: float) -> None:
    quantile = t.ppf(0.025, units - 1) * (units / (units - 1)) ** 0.5
    assert intervals.tail(units) == pytest.approx(norm.cdf(quantile))
    assert intervals.tail(units) == pytest.approx(expected, rel=0.01)


def test_intervals_of_ten_samples_cover_the_truth() -> None:
    """The plain percentile interval covers the mean of ten normal samples 90 times of 100."""
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(400):
        values = rng.normal(size=10)

        def mean(weights: np.ndarray, values: np.ndarray = values) -> np.ndarray:
            return weights @ values / 10

        low, high = intervals.intervals({"mean": mean}, 10, seed=trial)["mean"] or (0, 0)
        hits += low <= 0 <= high
    assert 0.925 <= hits / 400 <= 0.98


def test_the_standard_error_is_that_of_the_formula() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(2000) < 0.7
    low, high = intervals.intervals(accuracy(right), 2000)["accuracy"] or (0, 0)
    share = right.mean()
    expected = 2 * 1.96 * (share * (1 - share) / 2000) ** 0.5
    assert high - low == pytest.approx(expected, rel=0.1)
    assert low < share < high


def test_same_seed_same_interval_and_other_seed_another() -> None:
    scorers = accuracy(np.arange(50) % 3 > 0)
    first, again, other = (intervals.intervals(scorers, 50, seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_chunks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    scorers = accuracy(np.arange(50) % 3 > 0)
    whole = intervals.intervals(scorers, 50)
    monkeypatch.setattr(intervals, "_CELLS", 700)
    assert intervals.intervals(scorers, 50) == whole


def test_draws_are_resamples() -> None:
    weights = np.concatenate(list(intervals.draws(40, None, 0)))
    assert weights.shape == (1000, 40)
    assert (weights.sum(axis=1) == 40).all()
    groups = np.array(["b", "a", "b", "c"])
    grouped = np.concatenate(list(intervals.draws(4, groups, 0)))
    np.testing.assert_array_equal(grouped[:, 0], grouped[:, 2])
    assert (grouped[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_all_right_or_all_wrong_gets_the_exact_binomial_interval() -> None:
    low = beta.ppf(0.025, 36, 1)  # Clopper and Pearson, 36 of 36
    found = intervals.intervals(accuracy(np.ones(36, bool)), 36)["accuracy"]
    assert found == pytest.approx([low, 1])
    found = intervals.intervals(accuracy(np.zeros(36, bool)), 36)["accuracy"]
    assert found == pytest.approx([0, 1 - low])
    groups = np.repeat(np.arange(4), 9)
    found = intervals.intervals(accuracy(np.ones(36, bool)), 36, groups)["accuracy"]
    assert found == pytest.approx([beta.ppf(0.025, 4, 1), 1])


def test_no_interval_where_resampling_says_nothing() -> None:
    targets, outputs = np.zeros(5, int), np.array([[0.9, 0.1]] * 5)
    found = intervals.intervals(metrics.scorers("classification", targets, outputs), 5)
    assert found["roc_auc"] is None  # one class only
    assert found["macro_f1"] is None  # all resamples agree
    assert found["accuracy"] is not None
    one = intervals.intervals(metrics.scorers("classification", targets[:1], outputs[:1]), 1)
    assert set(one.values()) == {None}
    single_group = intervals.intervals(accuracy(np.arange(9) % 2 == 0), 9, np.zeros(9))
    assert single_group == {"accuracy": None}


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(500) < 0.3
    first = accuracy(~hard)["accuracy"]
    second = accuracy(~hard & (np.arange(500) % 25 > 0))["accuracy"]
    value, interval = intervals.difference(first, second, 500)
    assert value == pytest.approx((~hard & (np.arange(500) % 25 == 0)).mean())
    assert interval is not None and interval[0] > 0
    alone = intervals.intervals({"accuracy": first}, 500)["accuracy"] or [0, 0]
    assert interval[1] - interval[0] < (alone[1] - alone[0]) / 2


def test_equal_predictions_differ_by_nothing() -> None:
    scorer = accuracy(np.arange(20) % 2 == 0)["accuracy"]
    assert intervals.difference(scorer, scorer, 20) == (0, [0, 0])


def test_2000_samples_cost_little() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(10, size=2000)
    outputs = rng.dirichlet(np.ones(10), size=2000)
    scorers = metrics.scorers("classification", targets, outputs)
    times = []
    for _ in range(3):
        began = time.process_time()
        intervals.intervals(scorers, 2000)
        times.append(time.process_time() - began)
    assert min(times) < 0.5  # 0.1 to 0.2 on an idle machine
