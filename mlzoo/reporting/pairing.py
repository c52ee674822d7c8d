"""Two runs on the same test samples: which is better, by a paired bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.evaluation import intervals
from mlzoo.evaluation.predictions import Predictions, read_predictions
from mlzoo.evaluation.scorers import Scorer, ratio, regression_scorers

FILE = "predictions.csv"


def unlike(
    first: Path, first_metrics: Mapping[str, Any], second: Path, second_metrics: Mapping[str, Any]
) -> str | None:
    """Why two run folders can't be paired, or None where they can."""
    for folder in (first, second):
        if not (folder / FILE).is_file():
            return f"{folder} has no {FILE}"
    prints = [m.get("data_fingerprint") for m in (first_metrics, second_metrics)]
    if prints[0] != prints[1] or prints[0] is None:
        return "they were trained on different data"
    one, other = read_predictions(first / FILE), read_predictions(second / FILE)
    if not np.array_equal(one.indices, other.indices):
        shared = len(np.intersect1d(one.indices, other.indices))
        return f"their test parts differ ({shared} samples in common); give both the same --seed"
    if not np.array_equal(one.targets, other.targets):
        return "they were trained on different targets"
    return None


def paired(first: Path, second: Path, metric: str, mode: str) -> dict[str, Any]:
    """The difference of a metric between two runs on the same test samples.

    Args:
        first: a run folder with `predictions.csv`.
        second: another, for which `unlike` finds no reason.
        metric: `accuracy`, or a metric of `regression_scorers`.
        mode: `max` where more is better, else `min`.

    Returns:
        `metric`, `samples`, `unit`, `difference` (first minus second), its 95 % `interval`,
        `tied` (0 lies inside) and `better` (`first`, `second` or None). Where the first is the
        best of many runs, the interval does not account for that choice.
    """
    one, other = read_predictions(first / FILE), read_predictions(second / FILE)
    groups = one.groups
    value, interval = intervals.difference(
        _scorer(one, metric), _scorer(other, metric), len(one.indices), groups
    )
    tied = interval is None or interval[0] <= 0 <= interval[1]
    ahead = "first" if ((value or 0) > 0) == (mode == "max") else "second"
    return {
        "metric": metric,
        "samples": len(one.indices),
        "unit": intervals.unit(groups),
        "difference": value,
        "interval": interval,
        "tied": tied,
        "better": None if tied else ahead,
    }


def _scorer(predictions: Predictions, metric: str) -> Scorer:
    if metric == "accuracy":
        right = (predictions.targets == predictions.predictions).all(axis=1).astype("float64")
        return lambda weights: ratio(weights @ right, weights.sum(axis=1))
    targets, said = predictions.targets.astype(float), predictions.predictions.astype(float)
    return regression_scorers(targets, said)[metric]
