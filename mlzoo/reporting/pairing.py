"""Paired comparison of two runs on the same test samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core import files
from mlzoo.data import contracts
from mlzoo.statistics import intervals
from mlzoo.statistics.verdicts import NONE, TIED, judge

FILE = "predictions.csv"


def unlike(
    first: Path, first_metrics: Mapping[str, Any], second: Path, second_metrics: Mapping[str, Any]
) -> str | None:
    """Return why two run folders can't be paired, or None.

    Args:
        first: a run folder.
        first_metrics: its `metrics.json`.
        second: another run folder.
        second_metrics: its `metrics.json`.
    """
    for folder in (first, second):
        if not (folder / FILE).is_file():
            return f"{folder} has no {FILE}"
    prints = [m.get("data_fingerprint") for m in (first_metrics, second_metrics)]
    if prints[0] != prints[1] or prints[0] is None:
        return "they were trained on different data"
    task = contracts.task(first_metrics["task"])
    if not task.paired:
        return "samples that one of them draws have no counterpart among those of the other"
    one, other = (task.read_predictions(folder / FILE) for folder in (first, second))
    for folder, metrics, saved in ((first, first_metrics, one), (second, second_metrics, other)):
        count = (metrics.get("test") or {}).get("samples", len(saved.indices))
        if count != len(saved.indices):
            problem = f"is damaged: it holds {len(saved.indices)} of {count} samples"
            raise files.damaged(folder / FILE, problem)
    if not np.array_equal(one.indices, other.indices):
        shared = len(np.intersect1d(one.indices, other.indices))
        return f"their test splits differ ({shared} samples in common); give both the same --seed"
    same = np.array_equal(one.targets, other.targets, equal_nan=one.targets.dtype.kind == "f")
    if not same:
        return "they were trained on different targets"
    mine, theirs = (_test_metrics(each).get("scale") for each in (first_metrics, second_metrics))
    if mine is None or theirs is None:
        return None
    if not np.allclose(np.array(mine, float), np.array(theirs, float), rtol=1e-6, equal_nan=True):
        return "their training splits differ, and with them what MASE divides by"
    return None


def _test_metrics(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    scores: Mapping[str, Any] = (metrics.get("test") or {}).get("metrics", {})
    return scores


def paired(
    first: Path,
    second: Path,
    task: str,
    metric: str,
    mode: str,
    metrics: Mapping[str, Any] | None = None,
) -> dict[str, object]:
    """Return the difference of a metric between two runs on the same test samples.

    Args:
        first: a run folder with `predictions.csv`.
        second: another, for which `unlike` returns None.
        task: task of both runs.
        metric: the headline of a run, or a metric of `regression_scorers`.
        mode: `max` where more is better, else `min`.
        metrics: `metrics.json` of either, for forecasts: it holds the scale of MASE.

    Returns:
        `metric`, `samples`, `unit` and `units` (units of the interval and their number),
        `difference` (first minus second), its `interval` (None with too few units) and
        the `level` of that, `tied` (0 lies inside; None without a verdict) and `better`
        (`first`, `second` or None). Where the first is the best of many runs, the interval does
        not account for that choice.
    """
    of = contracts.task(task)
    one, other = (of.read_predictions(folder / FILE) for folder in (first, second))
    groups, tested = _coarser(one.groups, other.groups), _test_metrics(metrics or {})
    value, interval = intervals.difference(
        one.scorer(metric, tested), other.scorer(metric, tested), len(one.indices), groups
    )
    units = intervals.count_units(len(one.indices), groups)
    verdict = judge(interval, units)
    tied = None if verdict == NONE else verdict == TIED
    ahead = "first" if ((value or 0) > 0) == (mode == "max") else "second"
    return {
        "metric": metric,
        "samples": len(one.indices),
        "units": units,
        "unit": of.unit if groups is None else of.blocks,
        "difference": value,
        "interval": interval,
        "level": intervals.DIFFERENCE_LEVEL,
        "tied": tied,
        "better": ahead if tied is False else None,
    }


def _coarser(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """Return the coarser groups: blocks of time must cover both runs' autocorrelation."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second, key=lambda groups: len(np.unique(groups)))
