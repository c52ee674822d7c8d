"""Costs of a run's decisions on a split, beside those of the most probable class."""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import CostFigure, DecisionCosts, Outcome
from mlzoo.statistics import intervals
from mlzoo.statistics.calibration.decisions import Decision
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import weighted_mean


def decision_costs(
    decision: Decision,
    outcome: Outcome,
    class_names: tuple[str, ...],
    groups: np.ndarray | None,
    seed: int,
) -> DecisionCosts:
    """Return the mean cost of decisions, of the default ones, and the difference.

    Args:
        decision: the operating point.
        outcome: class probabilities of a split, and true classes.
        class_names: in the order of the probabilities.
        groups: (n,) labels, or None.
        seed: of the intervals' resampling.

    Returns:
        The costs, `saved` being the default minus the cost; `confusion` is true by decided class.
    """
    outputs: np.ndarray = outcome.outputs  # type: ignore[attr-defined]
    y_true = np.asarray(outcome.targets).astype("int64")  # type: ignore[attr-defined]
    decided, default = decision.decide(outputs), outputs.argmax(axis=1)
    costs = decision.cost(y_true, decided), decision.cost(y_true, default)
    means = {"cost": costs[0], "default": costs[1], "saved": costs[1] - costs[0]}
    scorers = {name: weighted_mean(values) for name, values in means.items()}
    bounds = {name: (float("-inf"), float("inf")) for name in means}
    ends = intervals.intervals(scorers, len(y_true), groups, seed, bounds=bounds)
    k = len(class_names)
    confusion = np.bincount(k * y_true + decided, minlength=k * k).reshape(k, k)
    figures: dict[str, CostFigure] = {
        name: {"value": number(values.mean()), "interval": ends[name]}
        for name, values in means.items()
    }
    return {
        "cost": figures["cost"],
        "default": figures["default"],
        "saved": figures["saved"],
        "confusion": confusion.tolist(),
    }


def costs_sentence(record: DecisionCosts) -> str:
    """Return a sentence on the cost of decisions and that of the default ones."""
    cost, default, saved = (record[name] for name in ("cost", "default", "saved"))
    shown = ""
    if saved["interval"] is not None:
        low, high = saved["interval"]
        shown = f" (difference {saved['value']:.3g}, 95 % interval {low:.3g} to {high:.3g})"
    return (
        f"decisions cost {cost['value']:.4g} a sample, the most probable class would cost "
        f"{default['value']:.4g}{shown}"
    )
