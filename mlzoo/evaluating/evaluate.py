"""Scores of a model on one split of the data, with intervals, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import DataError
from mlzoo.core.files import write_columns
from mlzoo.data import contracts
from mlzoo.data.contracts import Baseline, Evaluation, Outcome, Predict, SplitScores
from mlzoo.data.samples import Data, Samples
from mlzoo.statistics import intervals
from mlzoo.statistics.metrics import bounds


def evaluate(
    predict: Predict,
    data: Data,
    part: str = "test",
    seed: int = 0,
    baselines: str = "fast",
    positive: int | None = None,
    trained: Mapping[str, Any] | None = None,
    extra: Sequence[str] = (),
    beside: Mapping[str, Baseline] = MappingProxyType({}),
) -> tuple[SplitScores, Outcome]:
    """Score a model on one split of the data, which is read in chunks of at most 32 MB.

    Args:
        predict: from raw inputs (n, *shape) to the model's outputs (n, units), n up to 8192.
        data: the samples; the training split is read for the baselines only.
        part: `train`, `valid` or `test`.
        seed: of the intervals' resampling and the baselines' training samples.
        baselines: which baselines to fit and score: `none`, `fast` or `all`.
        positive: which of two classes `average_precision` is about; by default the rarer one.
        trained: the training run's metrics on its test split, if `data` has no other split.
        extra: names of metrics beside the task's own.
        beside: other models by name, which are scored as baselines are.

    Returns:
        The scores and the predictions that they are computed from.

    Raises:
        DataError: the split is empty.
        DivergedError: the model's outputs hold NaN or infinity.
    """
    if not len(data.parts()[part]):
        raise DataError(
            f"there is nothing to evaluate: the {part} split is empty; choose another with --part"
        )
    fitted = {**fit_baselines(data, seed, baselines), **beside}
    task = contracts.task(data.samples.task)
    given = Evaluation(predict, data, part, seed, fitted, positive, trained, extra)
    return task.evaluate(given)


def fit_baselines(data: Data, seed: int = 0, which: str = "fast") -> dict[str, Baseline]:
    """Return the baselines for a kind of target, fitted on the training split.

    Baselines that learn nothing come first; without a training split, only those are returned that
    need none. One thread is used: the matrices are small, so synchronizing several costs more
    than it saves.

    Args:
        data: samples in three splits.
        seed: of the draw of training samples.
        which: `none`, `fast` or `all`.
    """
    from threadpoolctl import (  # type: ignore[import-untyped]
        ThreadpoolController,
        threadpool_limits,
    )

    if which == "none":
        return {}
    declared = {name: registry.constants("baseline", name) for name in registry.names("baseline")}
    fitting = [
        name
        for name in sorted(declared, key=lambda name: declared[name]["LEARNS"])
        if data.samples.target.accepted_by(declared[name]["TARGETS"])
        and (declared[name]["FAST"] or which == "all")
    ]
    with threadpool_limits(1):
        fitted = {name: registry.load("baseline", name).fit(data, seed) for name in fitting}
    # Looks through all loaded libraries, which takes too long for each image that is predicted.
    pools = ThreadpoolController()
    return {
        name: replace(baseline, predict=_on_one_thread(baseline.predict, pools))
        for name, baseline in fitted.items()
        if baseline is not None
    }


def _on_one_thread(predict: Callable[[Any], np.ndarray], pools: Any) -> Callable[[Any], np.ndarray]:
    """Return the same, on one thread: boosting synchronizes its threads at every small tree."""

    def limited(inputs: Any) -> np.ndarray:
        with pools.limit(limits=1):
            return predict(inputs)

    return limited


def summarize_repeats(
    runs: Sequence[Mapping[str, Any]], held_out: float | None = None
) -> dict[str, dict[str, object]]:
    """Return mean and spread of each scalar metric over repeated trainings.

    Args:
        runs: one `metrics` dict a training; entries that are not numbers are left out.
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


def _summary(name: str, values: list[float], held_out: float | None) -> dict[str, object]:
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": min(values),
        "max": max(values),
        "interval": intervals.mean_interval(np.array(values), bounds(name), held_out),
        "values": values,
    }


def write_predictions(path: Path, outcome: Outcome, samples: Samples) -> None:
    """Write what a model predicted of a split as CSV, which a later comparison pairs by sample.

    Args:
        path: the file.
        outcome: the predictions; its task decides on the columns.
        samples: what they were made for.
    """
    write_columns(path, outcome.columns(samples))
