"""A model's scores on one part of the data, with intervals, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.baselines import _fit
from mlzoo.core.errors import DataError, DivergedError
from mlzoo.data.samples import Data, Part
from mlzoo.statistics import intervals
from mlzoo.statistics.metrics import (
    BOUNDS,
    as_probabilities,
    class_counts,
    classification,
    headline,
    rarer,
    regression,
    score,
    scorers,
)
from mlzoo.statistics.verdicts import against_baselines
from mlzoo.tasks.forecasting import ForecastOutcome, evaluate_forecasts
from mlzoo.tasks.labeling import evaluate_labels
from mlzoo.tasks.segmentation import DenseOutcome, evaluate_dense
from mlzoo.tasks.text import evaluate_text

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """What a model said of each of n samples.

    Attributes:
        targets: (n,) class positions, or (n,) or (n, k) true values.
        outputs: (n, k) class probabilities, or predictions shaped as `targets`.
        indices: (n,) positions of the samples in `Samples`.
    """

    targets: np.ndarray
    outputs: np.ndarray
    indices: np.ndarray


def evaluate(
    predict: Predict,
    data: Data,
    part: str = "test",
    seed: int = 0,
    with_baselines: bool = True,
    positive: int | None = None,
) -> tuple[dict[str, Any], Outcome | DenseOutcome | ForecastOutcome]:
    """Score a model on one part of the data, which is read in chunks of at most 32 MB.

    Args:
        predict: from raw inputs (n, *shape) to the model's outputs (n, units), n up to 8192.
        data: the samples; its training part is read for the baselines only.
        part: `train`, `valid` or `test`.
        seed: decides the parts that the intervals leave out and the baselines' training samples.
        with_baselines: fit and score the baselines as well.
        positive: which of two classes `average_precision` is about; by default the rarer one.

    Returns:
        A JSON-able dict and the predictions it is computed from. Its keys: `part`; `samples`;
        `metrics` (`metrics.classification`, `metrics.regression`, `pixels.segmentation`);
        `intervals` {metric: [low, high] or None}; `interval_unit` (`samples`, `images` or
        `groups`), `units` (how many
        of those); `baselines` {name: metrics and `note`}; `headline`, the metric that decides;
        `gain` (over the best baseline: `baseline`, `metric`, `value`, `interval`; positive is
        better) and `verdict` (`verdicts.judge`). These two are None without baselines.

    Raises:
        DataError: the part is empty.
        DivergedError: the model's outputs hold NaN or infinity.
    """
    rows = data.parts()[part]
    if not len(rows):
        raise DataError(f"there is nothing to evaluate: the {part} part is empty")
    if data.outputs.dense:
        return evaluate_dense(predict, data, part, seed, with_baselines)
    if data.outputs.task == "labelling":
        return evaluate_labels(predict, data, part, seed, with_baselines)
    if data.outputs.task == "text":
        return evaluate_text(predict, data, part, seed, with_baselines)
    if data.outputs.task == "forecasting":
        return evaluate_forecasts(predict, data, part, seed, with_baselines)
    fitted = _fit.fit(data, seed) if with_baselines else {}
    said = _fit.outputs_of(
        {"": predict} | {name: base.predict for name, base in fitted.items()}, rows
    )
    outcome = _outcome(said.pop(""), data, rows, part)
    groups = _groups(rows)
    task, counts = data.samples.task, class_counts(data.samples)
    rare = rarer(counts) if positive is None else positive
    found = scorers(task, outcome.targets, outcome.outputs, rare)
    metric = headline(task, counts).name
    theirs = {name: scorers(task, outcome.targets, out, rare) for name, out in said.items()}
    result = {
        "part": part,
        "samples": len(rows),
        "metrics": _metrics(data, outcome, rare),
        "intervals": intervals.intervals(found, len(rows), groups, seed),
        "interval_unit": intervals.unit(groups),
        "units": intervals.count_units(len(rows), groups),
        "baselines": _baseline_scores(data, rows, fitted, said, rare),
        "headline": metric,
        **against_baselines(found, theirs, metric, len(rows), groups, seed),
    }
    return result, outcome


def summarise_repeats(
    runs: Sequence[Mapping[str, Any]], held_out: float | None = None
) -> dict[str, dict[str, Any]]:
    """Mean and spread of each scalar metric over repeated trainings.

    Args:
        runs: one `metrics` dict a training; entries that are no numbers are left out.
        held_out: test samples over training samples, where each training has its own split of
            the same data (`intervals.mean_interval`); None where all have the same split.

    Returns:
        {metric: {mean, std, min, max, interval, values}}. `std` divides by n - 1. `interval` is
        the 95 % interval of the mean by Student's t, cut to the values that the metric can have.
        `std` and `interval` are None for a single training. A metric that is undefined in some
        training is left out of the summary.
    """
    names = [name for name, value in runs[0].items() if _is_number(value)] if runs else []
    return {
        name: _summary(name, [float(run[name]) for run in runs], held_out)
        for name in names
        if all(_is_number(run.get(name)) for run in runs)
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _summary(name: str, values: list[float], held_out: float | None) -> dict[str, Any]:
    bounds = BOUNDS.get(name, (-np.inf, np.inf))
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": min(values),
        "max": max(values),
        "interval": intervals.mean_interval(np.array(values), bounds, held_out),
        "values": values,
    }


def _outcome(outputs: np.ndarray, data: Data, rows: Part, part: str) -> Outcome:
    bad = int((~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)).sum())
    if bad:
        raise DivergedError(
            f"the model's outputs are NaN or infinite for {bad} of the {len(rows)} samples of the "
            f"{part} part; train again with a smaller --learning-rate or --precision float32"
        )
    if data.samples.task == "classification":
        outputs = as_probabilities(outputs)
    else:
        outputs = outputs.astype("float64").reshape(rows.targets.shape)
    return Outcome(rows.targets, outputs, rows.indices)


def _groups(rows: Part) -> np.ndarray | None:
    groups = rows.samples.groups
    return None if groups is None else np.asarray(groups)[rows.indices].astype(str)


def _metrics(data: Data, outcome: Outcome, positive: int) -> dict[str, Any]:
    if data.samples.task == "classification":
        names = data.samples.class_names
        return classification(outcome.targets, outcome.outputs, names, positive)
    return regression(outcome.targets, outcome.outputs, data.samples.target_names)


def _baseline_scores(
    data: Data,
    rows: Part,
    fitted: dict[str, _fit.Baseline],
    said: dict[str, np.ndarray],
    positive: int,
) -> dict[str, Any]:
    task, names = data.samples.task, data.samples.class_names

    def scores(outputs: np.ndarray) -> dict[str, Any]:
        if not names:
            return dict(score(task, rows.targets, outputs))
        found = classification(rows.targets, outputs, names, positive)
        return {name: value for name, value in found.items() if name != "confusion"}

    return {name: {**scores(said[name]), "note": base.note} for name, base in fitted.items()}
