"""Two runs on the same test samples: which is better, by their paired difference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core import files
from mlzoo.evaluating.predictions import (
    Forecasts,
    ImageScores,
    Predictions,
    read_forecasts,
    read_image_scores,
    read_predictions,
)
from mlzoo.statistics import intervals
from mlzoo.statistics.scorers import (
    Scorer,
    classification_scorers,
    mean_defined,
    ratio,
    regression_scorers,
)
from mlzoo.statistics.verdicts import NONE, TIED, judge
from mlzoo.tasks.forecasting import forecast_scorers
from mlzoo.tasks.segmentation import UNITS

FILE = "predictions.csv"
_BLOCKS = {"forecasting": "blocks of time", "text": "blocks of text"}


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
    for folder, metrics, own in ((first, first_metrics, one), (second, second_metrics, other)):
        count = (metrics.get("test") or {}).get("samples", len(own.indices))
        if count != len(own.indices):
            problem = f"is damaged: it holds {len(own.indices)} of {count} samples"
            raise files.damaged(folder / FILE, problem)
    if not np.array_equal(one.indices, other.indices):
        shared = len(np.intersect1d(one.indices, other.indices))
        return f"their test parts differ ({shared} samples in common); give both the same --seed"
    same = np.array_equal(one.targets, other.targets, equal_nan=one.targets.dtype.kind == "f")
    if not same:
        return "they were trained on different targets"
    if first_metrics["task"] == "forecasting":
        mine, theirs = (np.array(_scale(m), float) for m in (first_metrics, second_metrics))
        if not np.allclose(mine, theirs, rtol=1e-6, equal_nan=True):
            return "their training parts differ, and with them what MASE divides by"
    return None


def _scale(metrics: Mapping[str, Any]) -> Any:
    """What MASE divides by, of each target."""
    return metrics["test"]["metrics"]["scale"]


def paired(
    first: Path,
    second: Path,
    task: str,
    metric: str,
    mode: str,
    metrics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The difference of a metric between two runs on the same test samples.

    Args:
        first: a run folder with `predictions.csv`.
        second: another, for which `unlike` finds no reason.
        task: of both.
        metric: the headline of a run, or a metric of `regression_scorers`.
        mode: `max` where more is better, else `min`.
        metrics: `metrics.json` of either, for forecasts: it holds what MASE divides by.

    Returns:
        `metric`, `samples`, `unit` and `units` (what the interval is taken over, and how many),
        `difference` (first minus second), its `interval` (None where there are too few units) and
        the `level` of that, `tied` (0 lies inside; None where there is no verdict) and `better`
        (`first`, `second` or None). Where the first is the best of many runs, the interval does
        not account for that choice.
    """
    one, other = (_read(folder / FILE, task) for folder in (first, second))
    groups = _coarser(one.groups, other.groups)
    scale = _scale(metrics) if metrics and task == "forecasting" else None
    value, interval = intervals.difference(
        _scorer(one, metric, scale), _scorer(other, metric, scale), len(one.indices), groups
    )
    units = intervals.count_units(len(one.indices), groups)
    verdict = judge(interval, units)
    tied = None if verdict == NONE else verdict == TIED
    ahead = "first" if ((value or 0) > 0) == (mode == "max") else "second"
    return {
        "metric": metric,
        "samples": len(one.indices),
        "units": units,
        "unit": UNITS.get(task, "samples") if groups is None else _BLOCKS.get(task, "groups"),
        "difference": value,
        "interval": interval,
        "level": intervals.DIFFERENCE_LEVEL,
        "tied": tied,
        "better": ahead if tied is False else None,
    }


def _coarser(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """The fewer groups: blocks of time are as long as the errors of each run go together."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second, key=lambda groups: len(np.unique(groups)))


def _read(path: Path, task: str) -> Predictions | ImageScores | Forecasts:
    if task == "forecasting":
        return read_forecasts(path)
    return read_image_scores(path) if task in UNITS else read_predictions(path)


def _scorer(found: Predictions | ImageScores | Forecasts, metric: str, scale: Any) -> Scorer:
    if isinstance(found, ImageScores):
        return _image_scorer(found, metric)
    if isinstance(found, Forecasts):
        divisors = np.full(found.targets.shape[2], np.nan) if scale is None else scale
        scorers = forecast_scorers(found.targets, found.predictions, np.array(divisors, float))
        return scorers[metric]
    return _sample_scorer(found, metric)


def _sample_scorer(predictions: Predictions, metric: str) -> Scorer:
    if metric in ("accuracy", "balanced_accuracy", "macro_f1"):
        both = np.concatenate([predictions.targets, predictions.predictions])[:, 0]
        names, positions = np.unique(both, return_inverse=True)
        targets, chosen = np.split(positions, 2)
        return classification_scorers(targets, np.eye(len(names))[chosen])[metric]
    truth, said = predictions.targets.astype(float), predictions.predictions.astype(float)
    return regression_scorers(truth, said)[metric]


def _image_scorer(scores: ImageScores, metric: str) -> Scorer:
    if metric == "rmse":
        return lambda w: np.sqrt(ratio(w @ scores.sums["squared_error"], w @ scores.sums["values"]))
    if metric == "bits":
        return lambda w: ratio(w @ scores.sums["bits"], w @ scores.sums["values"])
    found, missed, false = (scores.sums[kind] for kind in ("found", "missed", "false"))
    if metric == "macro_f1":
        return lambda w: mean_defined(ratio(2 * (w @ found), w @ (2 * found + missed + false)))
    return lambda w: mean_defined(ratio(w @ found, w @ (found + missed + false)))
