"""Two runs on the same test samples: which is better, by a paired bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.evaluation import intervals
from mlzoo.evaluation.predictions import (
    ImageScores,
    Predictions,
    read_image_scores,
    read_predictions,
)
from mlzoo.evaluation.scorers import Scorer, mean_defined, ratio, regression_scorers
from mlzoo.specs import DENSE_TASKS

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
    one, other = (_read(folder / FILE, first_metrics["task"]) for folder in (first, second))
    if not np.array_equal(one.indices, other.indices):
        shared = len(np.intersect1d(one.indices, other.indices))
        return f"their test parts differ ({shared} samples in common); give both the same --seed"
    if not np.array_equal(one.targets, other.targets):
        return "they were trained on different targets"
    return None


def paired(first: Path, second: Path, task: str, metric: str, mode: str) -> dict[str, Any]:
    """The difference of a metric between two runs on the same test samples.

    Args:
        first: a run folder with `predictions.csv`.
        second: another, for which `unlike` finds no reason.
        task: of both.
        metric: `accuracy`, `mean_iou`, or a metric of `regression_scorers`.
        mode: `max` where more is better, else `min`.

    Returns:
        `metric`, `samples`, `unit`, `difference` (first minus second), its 95 % `interval`,
        `tied` (0 lies inside) and `better` (`first`, `second` or None). Where the first is the
        best of many runs, the interval does not account for that choice.
    """
    one, other = (_read(folder / FILE, task) for folder in (first, second))
    groups = one.groups
    value, interval = intervals.difference(
        _scorer(one, metric), _scorer(other, metric), len(one.indices), groups
    )
    tied = interval is None or interval[0] <= 0 <= interval[1]
    ahead = "first" if ((value or 0) > 0) == (mode == "max") else "second"
    return {
        "metric": metric,
        "samples": len(one.indices),
        "unit": intervals.unit(groups)
        if task not in DENSE_TASKS or groups is not None
        else "images",
        "difference": value,
        "interval": interval,
        "tied": tied,
        "better": None if tied else ahead,
    }


def _read(path: Path, task: str) -> Predictions | ImageScores:
    return read_image_scores(path) if task in DENSE_TASKS else read_predictions(path)


def _scorer(predictions: Predictions | ImageScores, metric: str) -> Scorer:
    if isinstance(predictions, ImageScores):
        return _image_scorer(predictions, metric)
    if metric == "accuracy":
        right = (predictions.targets == predictions.predictions).all(axis=1).astype("float64")
        return lambda weights: ratio(weights @ right, weights.sum(axis=1))
    targets, said = predictions.targets.astype(float), predictions.predictions.astype(float)
    return regression_scorers(targets, said)[metric]


def _image_scorer(scores: ImageScores, metric: str) -> Scorer:
    if metric == "rmse":
        return lambda w: np.sqrt(ratio(w @ scores.sums["squared_error"], w @ scores.sums["values"]))
    found, missed, false = (scores.sums[kind] for kind in ("found", "missed", "false"))
    return lambda w: mean_defined(ratio(w @ found, w @ (found + missed + false)))
