"""Conformal prediction: intervals and sets that hold the truth as often as they are to.

Split conformal prediction (Vovk, Gammerman and Shafer, 2005; Lei et al., Distribution-Free
Predictive Inference for Regression, 2018) from scores of samples that nothing was chosen on. With
folds, cross-conformal prediction: CV+ (Barber, Candes, Ramdas and Tibshirani, Predictive Inference
with the Jackknife+, 2021), which compares each sample's score with what its own member says.

A score is the absolute error of a number, over the standard deviation where the model predicts one,
or else over a fitted scale of errors (Lei et al., 2018, section 5.2); the distance beyond two
predicted quantiles (Romano, Patterson and Candes, Conformalized Quantile Regression, 2019); or 1
minus the probability of the true class (Sadinle, Lei and Wasserman, Least Ambiguous Set-Valued
Classifiers, 2019). Where samples come in groups, a new one is of a new group: each group weighs as
much (Lee, Barber and Willett, 2023).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.calibration.error_scale import ErrorScale
from mlzoo.statistics.scorers import Array

_ROUNDING = 1e-9
_AT_ONCE = 256


@dataclass(frozen=True)
class ConformalScores:
    """Scores of held-out samples.

    Attributes:
        values: (n,) of classes, or (n, t) of t targets.
        unit: (n,) the group, or the sample, of each, from 0.
        member: (n,) the member that did not see it, from 0; None: one model saw none of them.
        scaled: errors are divided by the standard deviation that the model predicts.
        scale: that errors are divided by otherwise; None: by none.
        beyond: they are distances beyond the outermost predicted quantiles, under 0 between them.
    """

    values: Array
    unit: Array
    member: Array | None = None
    scaled: bool = False
    scale: ErrorScale | None = None
    beyond: bool = False

    @property
    def units(self) -> int:
        """Return how many groups, or samples, there are."""
        return len(np.unique(self.unit))

    @property
    def weights(self) -> Array:
        """Return the weight (n,) of each score: of the units and one more, all weigh the same."""
        size = np.bincount(self.unit)
        return 1 / ((self.units + 1) * size[self.unit])


def needed(coverage: float) -> int:
    """Return how many units a coverage needs for an interval that is not infinite."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def threshold(scores: Array, weights: Array, coverage: float) -> float:
    """Return the score that a new one stays at or below with at least some probability.

    Args:
        scores: (n,).
        weights: (n,), which sum to less than 1; the new score has the rest.
        coverage: the probability.

    Returns:
        Infinity where there are too few units.
    """
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order]) >= coverage - _ROUNDING
    return float(scores[order][reached.argmax()]) if reached.any() else math.inf


def intervals(
    y_pred: Array,
    members: Array | None,
    scores: ConformalScores,
    coverage: float,
    std: Array | None = None,
    ends: Array | None = None,
) -> tuple[Array, Array]:
    """Return the ends (m, t) of an interval for each of t targets.

    Args:
        y_pred: (m, t) predictions.
        members: (m, K, t) those of the members, where the scores have members.
        scores: of held-out samples.
        coverage: share of true values that the intervals are to hold.
        std: what the scores were divided by, where they were: (m, t), with members (m, K, t).
        ends: the quantiles that the scores are distances beyond, where they are: (2, m, t), with
            members (2, m, K, t).
    """
    low, high = np.empty(y_pred.shape), np.empty(y_pred.shape)
    middle = y_pred if members is None or scores.member is None else members
    lower, upper = (middle, middle) if ends is None else ends
    for target in range(y_pred.shape[1]):
        values = scores.values[:, target]
        if members is None or scores.member is None:
            half = threshold(values, scores.weights, coverage) * (
                1.0 if std is None else std[:, target]
            )
            low[:, target], high[:, target] = lower[:, target] - half, upper[:, target] + half
            continue
        for start in range(0, len(members), _AT_ONCE):
            at = slice(start, start + _AT_ONCE)
            below, above = (each[at, :, target][:, scores.member] for each in (lower, upper))
            half = values if std is None else values * std[at, :, target][:, scores.member]
            high[at, target] = _thresholds(above + half, scores.weights, coverage)
            low[at, target] = -_thresholds(half - below, scores.weights, coverage)
    # Quantiles far too wide may be moved past each other.
    crossed = low > high
    low[crossed] = high[crossed] = (low[crossed] + high[crossed]) / 2
    return low, high


def _thresholds(scores: Array, weights: Array, coverage: float) -> Array:
    """Return the `threshold` (m,) of each row of scores (m, n)."""
    if np.ptp(weights) > 0:
        return np.array([threshold(row, weights, coverage) for row in scores])
    place = math.ceil(coverage / weights[0] - _ROUNDING) - 1
    if place >= scores.shape[1]:
        return np.full(len(scores), math.inf)
    return np.asarray(np.partition(scores, place, axis=1)[:, place])


def class_sets(
    y_pred: Array, members: Array | None, scores: ConformalScores, coverage: float
) -> Array:
    """Return which classes (m, k) may be the true one; the most probable one always is.

    Args:
        y_pred: (m, k) probabilities.
        members: (m, K, k) those of the members, where the scores have members.
        scores: of held-out samples.
        coverage: share of samples whose set is to hold the true class.
    """
    if members is None or scores.member is None:
        held = 1 - y_pred <= threshold(scores.values, scores.weights, coverage) + _ROUNDING
    else:
        held = np.zeros(y_pred.shape, bool)
        for k in range(y_pred.shape[1]):
            nonconformity = 1 - members[:, :, k]
            below = scores.values[None] < nonconformity[:, scores.member] - _ROUNDING
            held[:, k] = below @ scores.weights < coverage - _ROUNDING
    held[np.arange(len(y_pred)), y_pred.argmax(axis=1)] = True
    return held


def coverage_sentence(record: Mapping[str, Any]) -> str:
    """Say how often a run's intervals or sets hold the truth of its test split."""
    if "width" in record:
        size = f"mean width {', '.join(f'{each:.4g}' for each in record['width'])}"
        size += ", wider where larger errors are expected" if record.get("adaptive") else ""
    else:
        classes = "class" if round(record["set_size"], 2) == 1 else "classes"
        size = f"{record['set_size']:.3g} {classes} a set, {record['unsure']:.0%} unsure"
    whence = "out of fold" if record["method"] == "folds" else "set aside"
    return (
        f"{_kind(record)} hold {record['coverage']:.1%} of the test split, from "
        f"{record['scores']} {record.get('unit', 'samples')} {whence}: {size}"
    )


def under_covered(record: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each part of the test split that is covered clearly too seldom."""
    return [
        f"{_kind(record)} hold only {each['coverage']:.0%} of the {each['samples']} test "
        f"{record.get('unit', 'samples')} of {each['part']}"
        for each in record["parts"]
        if each["under"]
    ]


def _kind(record: Mapping[str, Any]) -> str:
    return f"{record['level']:.0%} prediction {'intervals' if 'width' in record else 'sets'}"
