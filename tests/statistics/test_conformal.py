"""Intervals and sets hold the truth as often as they are to, over many simulated splits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlzoo.statistics.calibration.conformal import (
    ConformalScores,
    class_sets,
    intervals,
    needed,
    threshold,
)
from mlzoo.statistics.calibration.temperature import tempered


def scores_of(values: np.ndarray, unit: np.ndarray | None = None) -> ConformalScores:
    return ConformalScores(values, np.arange(len(values)) if unit is None else unit)


@pytest.mark.parametrize(("coverage", "count"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19)])
def test_the_fewest_scores_for_a_coverage(coverage: float, count: int) -> None:
    assert needed(coverage) == count
    for number, finite in ((count, True), (count - 1, False)):
        scores = scores_of(np.arange(number, dtype=float))
        assert math.isfinite(threshold(scores.values, scores.weights, coverage)) == finite


def test_the_threshold_by_hand() -> None:
    scores = scores_of(np.array([3.0, 1.0, 2.0, 4.0, 5.0, 9.0, 8.0, 7.0, 6.0]))
    assert threshold(scores.values, scores.weights, 0.9) == 9  # ceil(.9 * 10) = the 9th
    assert threshold(scores.values, scores.weights, 0.5) == 5
    # Three groups: each weighs 1/4, whatever its size.
    grouped = ConformalScores(np.arange(1.0, 7.0), np.array([0, 0, 0, 0, 1, 2]))
    np.testing.assert_allclose(grouped.weights, [1 / 16] * 4 + [1 / 4] * 2)
    assert threshold(grouped.values, grouped.weights, 0.5) == 5


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_cover_over_many_splits(coverage: float) -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        scores = scores_of(np.abs(rng.standard_t(4, size=(40, 1))))
        y_true = rng.standard_t(4, size=(50, 1))
        low, high = intervals(np.zeros((50, 1)), None, scores, coverage)
        held.append(((low <= y_true) & (y_true <= high)).mean())
    expected = math.ceil(coverage * 41) / 41
    assert np.mean(held) == pytest.approx(expected, abs=4 * np.std(held) / 20)


def test_new_groups_are_covered_where_samples_of_one_go_together() -> None:
    rng = np.random.default_rng(1)
    held, alone = [], []
    for _ in range(800):
        sizes = rng.integers(1, 20, size=19)
        unit = np.repeat(np.arange(19), sizes)
        error = np.abs(np.repeat(rng.normal(size=19), sizes) + 0.1 * rng.normal(size=len(unit)))
        new = abs(rng.normal() + 0.1 * rng.normal())
        grouped, single = ConformalScores(error, unit), scores_of(error)
        held.append(new <= threshold(grouped.values, grouped.weights, 0.9))
        alone.append(new <= threshold(single.values, single.weights, 0.9))
    assert 0.88 <= np.mean(held) <= 0.95 and np.mean(alone) < np.mean(held)


def test_members_that_agree_give_the_interval_of_one_model() -> None:
    values = np.abs(np.random.default_rng(2).normal(size=(30, 2)))
    folds = ConformalScores(values, np.arange(30), np.arange(30) % 3)
    y_pred = np.array([[1.0, -5.0], [0.0, 2.0]])
    low, high = intervals(y_pred, np.repeat(y_pred[:, None], 3, axis=1), folds, 0.9)
    expected = intervals(y_pred, None, scores_of(values), 0.9)
    np.testing.assert_allclose([low, high], expected)
    apart = np.stack([y_pred - 1, y_pred, y_pred + 1], axis=1)
    wider = intervals(y_pred, apart, folds, 0.9)
    assert (wider[1] - wider[0] > high - low).all()


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    y_pred = tempered(rng.normal(size=(count, 5)))
    y_true = (y_pred.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
    return y_true, tempered(np.log(y_pred), 0.5)  # overconfident


def test_sets_hold_the_class_and_members_give_sets_too() -> None:
    rng = np.random.default_rng(3)
    held, folds = [], []
    for _ in range(200):
        y_true, y_pred = drawn(rng, 60)
        values = 1 - y_pred[np.arange(60), y_true]
        new, new_pred = drawn(rng, 50)
        sets = class_sets(new_pred, None, scores_of(values), 0.9)
        held.append(sets[np.arange(50), new].mean())
        members = ConformalScores(values, np.arange(60), np.arange(60) % 4)
        same = class_sets(new_pred, np.repeat(new_pred[:, None], 4, axis=1), members, 0.9)
        folds.append((same == sets).mean())
        assert sets[np.arange(50), new_pred.argmax(axis=1)].all()
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)
    assert np.mean(folds) == 1


def test_too_few_scores_give_all_classes() -> None:
    scores = scores_of(np.full(8, 0.01))
    assert class_sets(np.array([[0.98, 0.02]]), None, scores, 0.9).all()


def test_scaled_scores_give_intervals_as_wide_as_the_predicted_deviations() -> None:
    rng = np.random.default_rng(3)
    std = rng.uniform(0.5, 5, 2000)
    error = np.abs(rng.normal(size=2000)) * std
    scores = ConformalScores((error / std)[:1000, None], np.arange(1000), scaled=True)
    zeros = np.zeros((1000, 1))
    low, high = intervals(zeros, None, scores, 0.9, std[1000:, None])
    np.testing.assert_allclose((high - low)[:, 0] / std[1000:], (high - low)[0, 0] / std[1000])
    held = error[1000:] <= high[:, 0]
    assert 0.87 <= held.mean() <= 0.93
    for fifth in np.array_split(np.argsort(std[1000:]), 5):
        assert held[fifth].mean() > 0.85
