"""Metrics and tables of arrays, as the tasks report them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from mlzoo.data.contracts import task
from mlzoo.statistics import pixels
from mlzoo.statistics.metrics import scorers, values
from mlzoo.statistics.scorers import Scorer
from mlzoo.tasks._samples import sample_task


def classification(
    targets: np.ndarray, probabilities: np.ndarray, names: Sequence[str], positive: int = 1
) -> dict[str, Any]:
    return _report("classification", targets, probabilities, positive, class_names=names)


def regression(
    targets: np.ndarray, predictions: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    return _report("regression", targets, predictions, target_names=names)


def _report(of: str, targets: Any, predictions: Any, positive: int = 1, **names: Any) -> Any:
    judge: Any = sample_task(of)
    tables = judge.tables(targets, predictions, SimpleNamespace(**names), positive)
    return {**judge.scores(targets, predictions, positive), **tables}


def class_scorers(targets: Any, probabilities: Any, positive: int = 1) -> dict[str, Scorer]:
    return sample_task("classification").scorers(targets, probabilities, positive)


def number_scorers(targets: Any, predictions: Any) -> dict[str, Scorer]:
    return sample_task("regression").scorers(targets, predictions)


def scorers_of(of: str, counts: Any) -> dict[str, Scorer]:
    """The metrics of a task that counts."""
    return scorers(task(of).metrics, counts)


def segmentation(counts: pixels.Counts, names: Sequence[str]) -> dict[str, Any]:
    scores = values(scorers_of("segmentation", counts), len(counts.confusion))
    return {**scores, **pixels.tables(counts, names)}
