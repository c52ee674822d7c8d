"""Bootstrap intervals: coverage, groups, and where they mean nothing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import beta, chi2, t

from mlzoo.statistics import intervals, metrics
from mlzoo.statistics.scorers import Scorer
from tests.scored import class_scorers, number_scorers


def accuracy(right: np.ndarray) -> dict[str, Scorer]:
    targets = np.zeros(len(right), int)
    outputs = np.eye(2)[np.where(right, 0, 1)]
    return {"accuracy": class_scorers(targets, outputs)["accuracy"]}


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
    scorers = accuracy(np.arange(3001) % 7 > 0)
    first, again, other = (intervals.intervals(scorers, 3001, seed=s) for s in (0, 0, 1))
    assert first == again != other


def test_chunks_do_not_change_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    scorers = accuracy(np.arange(50) % 3 > 0)
    whole = intervals.intervals(scorers, 50)
    monkeypatch.setattr(intervals, "_CELLS", 700)
    again = intervals.intervals(scorers, 50)["accuracy"]
    assert again == pytest.approx(whole["accuracy"], rel=1e-12)


def test_each_unit_is_left_out_once() -> None:
    weights = np.concatenate(list(intervals.leave_out(40, None, 0)))
    np.testing.assert_allclose(weights, (1 - np.eye(40)) * 40 / 39)
    groups = np.array(["b", "a", "b", "c"])
    grouped = np.concatenate(list(intervals.leave_out(4, groups, 0)))
    np.testing.assert_allclose(
        grouped > 0,
        [[True, False, True, True], [False, True, False, True], [True, True, True, False]],
    )
    many = np.concatenate(list(intervals.leave_out(2500, None, 0))) == 0
    assert many.shape == (1000, 2500)
    assert (many.sum(axis=0) == 1).all()


def test_a_mean_gets_the_interval_of_students_t() -> None:
    values = np.random.default_rng(0).normal(size=12)
    half = t.ppf(0.975, 11) * values.std(ddof=1) / 12**0.5
    found = intervals.intervals({"mean": lambda w: w @ values / 12}, 12)["mean"]
    assert found == pytest.approx([values.mean() - half, values.mean() + half])


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
    found = intervals.intervals(class_scorers(targets, outputs), 5)
    assert found["roc_auc"] is None  # one class only
    assert found["macro_f1"] is None  # all resamples agree
    assert found["accuracy"] is not None
    one = intervals.intervals(class_scorers(targets[:1], outputs[:1]), 1)
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
    scorers = class_scorers(targets, outputs)
    times = []
    for _ in range(3):
        began = time.process_time()
        intervals.intervals(scorers, 2000)
        times.append(time.process_time() - began)
    assert min(times) < 0.5  # 0.1 to 0.2 on an idle machine


def test_two_groups_give_a_wide_interval_and_no_verdict() -> None:
    """44 patches of 2 photographs, as accurate in either: not 0.7955 [0.7778, 0.8077]."""
    groups = np.repeat(["a", "b"], [18, 26])
    right = np.r_[np.arange(18) < 14, np.arange(26) < 21]
    first = accuracy(right)["accuracy"]
    low, high = intervals.intervals({"accuracy": first}, 44, groups)["accuracy"] or (0, 0)
    assert low < 0.65 and high > 0.94
    value, interval = intervals.difference(first, accuracy(~right)["accuracy"], 44, groups)
    assert value == pytest.approx(26 / 44) and interval is None


def test_two_groups_that_agree_by_chance_do_not_make_a_narrow_interval() -> None:
    """Macro F1 is .8 in either group and accuracy is not: F1 is no surer than accuracy."""
    targets = np.r_[np.arange(20) % 2, np.arange(40) < 4]
    wrong = np.r_[np.arange(20) < 4, np.isin(np.arange(40), [0, 4])].astype(int)
    chances = np.eye(2)[targets ^ wrong] * 0.8 + 0.1
    groups = np.repeat(["a", "b"], [20, 40])
    scorers = class_scorers(targets, chances)
    ends = intervals.intervals(scorers, 60, groups)
    for name in ("accuracy", "macro_f1", "balanced_accuracy"):
        low, high = ends[name] or (0, 0)
        assert high - low > 0.6, (name, low, high)


@pytest.mark.parametrize("count", [3, 4, 5])
def test_intervals_over_few_groups_cover_skewed_metrics(count: int) -> None:
    """Student's t on the metric's own scale covered average precision 82 to 90 times of 100."""
    rng = np.random.default_rng(count)

    def drawn(groups: int) -> dict[str, Scorer]:
        skill = (1.2 + 0.8 * rng.normal(size=groups)).repeat(20)
        targets = rng.integers(2, size=20 * groups)
        logits = skill * (2 * targets - 1) + 1.2 * rng.normal(size=20 * groups)
        chances = 1 / (1 + np.exp(-logits))
        scorers = class_scorers(targets, np.stack([1 - chances, chances], axis=1))
        return {name: scorers[name] for name in ("roc_auc", "average_precision")}

    many = drawn(5000)
    true = {name: float(scorer(np.ones((1, 100_000)))[0]) for name, scorer in many.items()}
    hits = dict.fromkeys(true, 0)
    for _ in range(100):
        ends = intervals.intervals(drawn(count), 20 * count, np.arange(count).repeat(20))
        for name, value in true.items():
            low, high = ends[name] or (0, 1)
            hits[name] += low <= value <= high
    assert min(hits.values()) >= 92, hits


@pytest.mark.parametrize("count", [5, 6])
def test_a_difference_needs_six_units(count: int) -> None:
    groups = np.repeat(np.arange(count), 4)
    first, second = (accuracy(np.arange(4 * count) % n > 0)["accuracy"] for n in (4, 2))
    _, interval = intervals.difference(first, second, 4 * count, groups)
    assert (interval is None) == (count < 6)
    _, interval = intervals.difference(lambda w: w @ np.arange(count), lambda w: w[:, 0], count)
    assert (interval is None) == (count < 6)


def test_groups_of_equal_models_are_rarely_called_different() -> None:
    rng = np.random.default_rng(0)
    for count, most in ((2, 0.0), (6, 0.03)):
        groups = np.repeat(np.arange(count), 8)
        claims = 0
        for _ in range(300):
            hard = rng.normal(size=(2, count)).repeat(8, axis=1)
            errors = (hard + rng.normal(size=(2, 8 * count))) ** 2
            means = [lambda w, e=e: w @ e / w.sum(axis=1) for e in errors]
            _, ends = intervals.difference(*means, 8 * count, groups)
            claims += ends is not None and not ends[0] <= 0 <= ends[1]
        assert claims / 300 <= most


def test_the_root_of_heavy_tailed_squares_is_covered() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        errors = rng.standard_t(5, 30)
        scorer = number_scorers(errors, np.zeros(30))["rmse"]
        low, high = intervals.intervals({"rmse": scorer}, 30)["rmse"] or (0, 0)
        hits += low <= (5 / 3) ** 0.5 <= high
    assert hits / 600 >= 0.92


def test_intervals_stay_within_the_bounds_of_their_metrics() -> None:
    rng = np.random.default_rng(1)
    for groups in (None, np.arange(24) % 3):
        targets = rng.integers(2, size=24)
        chances = rng.dirichlet(np.ones(2), size=24)
        found = intervals.intervals(
            class_scorers(targets, chances), 24, groups
        ) | intervals.intervals(number_scorers(targets, chances[:, 1]), 24, groups)
        for name, ends in found.items():
            low, high = metrics.bounds(name)
            assert ends is not None and low <= ends[0] < ends[1] <= high, name


def test_trainings_on_shared_samples_get_the_corrected_variance() -> None:
    """Nadeau and Bengio: s² (1/k + n_test / n_train)."""
    values = np.array([0.7, 0.8, 0.75, 0.9, 0.85])
    half = t.ppf(0.975, 4) * values.std(ddof=1) * (1 / 5 + 0.2 / 0.6) ** 0.5
    found = intervals.mean_interval(values, held_out=0.2 / 0.6)
    assert found == pytest.approx([0.8 - half, 0.8 + half])
    assert intervals.mean_interval(values, (0, 0.95), 0.2 / 0.6)[1] == 0.95
    assert intervals.mean_interval(values[:1]) is None
    found = intervals.mean_interval([1.0, 2.0, 3.0])
    assert found == pytest.approx([2 - 2.4841377, 2 + 2.4841377])


@pytest.mark.parametrize("correlation", [0.8, 0.95])
def test_short_series_get_wide_intervals_that_hold_the_error(correlation: float) -> None:
    """30 steps of AR(1) errors are 1 to 5 blocks, of which a jackknife says nothing."""
    rng = np.random.default_rng(2)
    true = (1 - correlation**2) ** -0.5 * (2 / np.pi) ** 0.5
    hits = 0
    for _ in range(200):
        errors = lfilter([1], [1, -correlation], rng.normal(size=330))[300:]
        blocks = np.arange(30) // (15 if correlation < 0.9 else 30)
        scorers = {"mae": number_scorers(errors, np.zeros(30))["mae"]}
        low, high = intervals.series_intervals(scorers, 30, blocks)["mae"]  # type: ignore[misc]
        hits += low <= true <= high
    assert hits / 200 >= 0.93


def test_few_blocks_give_the_interval_of_a_standard_deviation() -> None:
    errors = np.array([1.0, -2.0, 3.0, -4.0])
    scorers = number_scorers(errors, np.zeros(4))
    blocks = np.array([0, 0, 1, 1])
    ends = intervals.series_intervals({n: scorers[n] for n in ("mae", "r2")}, 4, blocks)
    assert ends["mae"] == pytest.approx(2.5 * (2 / chi2.ppf([0.975, 0.025], 2)) ** 0.5)
    assert ends["r2"] is None
