"""Decisions that cost least: thresholds of two classes, and expected costs of more."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.statistics.calibration.decisions import (
    Decision,
    chosen_threshold,
    costs_by_threshold,
    even_threshold,
    ratio_costs,
)


@pytest.mark.parametrize("positive", [0, 1])
def test_the_threshold_costs_least_and_is_the_nearest_to_the_even_one(positive: int) -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=80).round(2)  # some are equal
    y = np.where(rng.uniform(size=80) < p**2, positive, 1 - positive)
    costs = ratio_costs(4, positive)
    assert costs[positive, 1 - positive] == 4 and costs[1 - positive, positive] == 1
    both = np.zeros((80, 2))
    both[:, positive], both[:, 1 - positive] = p, 1 - p

    def cost(threshold: float) -> float:
        decision = Decision(costs, positive, threshold)
        return float(decision.cost(y, decision.decide(both)).mean())

    thresholds, mean = costs_by_threshold(costs, positive, p, y)
    np.testing.assert_allclose(mean, [cost(each) for each in thresholds])
    chosen = chosen_threshold(costs, positive, p, y)
    tried = np.linspace(0, 1.001, 4003)
    found = np.array([cost(each) for each in tried])
    assert cost(chosen) == pytest.approx(found.min())
    nearest = np.abs(tried[found <= found.min() + 1e-12] - 0.2).min()
    assert even_threshold(costs, positive) == 0.2 and abs(chosen - 0.2) <= nearest + 1e-9


def test_right_probabilities_are_decided_at_the_even_threshold() -> None:
    rng = np.random.default_rng(1)
    p = rng.uniform(size=20_000)
    y = (rng.uniform(size=len(p)) < p).astype(int)
    assert chosen_threshold(ratio_costs(9, 1), 1, p, y) == pytest.approx(0.1, abs=0.02)
    assert chosen_threshold(ratio_costs(9, 1), 1, np.array([0.7, 0.9]), np.ones(2, int)) == 0.1
    assert chosen_threshold(ratio_costs(9, 1), 1, np.full(4, 0.7), np.zeros(4, int)) > 0.7


def test_several_classes_are_decided_by_their_expected_cost() -> None:
    costs = np.array([[0, 1, 1], [1, 0, 1], [20, 20, 0]], float)
    decided = Decision(costs).decide(np.array([[0.6, 0.3, 0.1], [0.97, 0.02, 0.01]]))
    assert decided.tolist() == [2, 0]
    assert Decision(costs).cost(np.array([0, 2]), decided).tolist() == [1, 20]
