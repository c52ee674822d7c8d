"""Scores of candidates on the validation split of a fold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.data.samples import Data
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.runs.models import outputs_of
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import Scorer
from mlzoo.tasks._samples import sample_task
from mlzoo.tuning.results.ties import UnitScores, unit_scores


def score_model(
    model: keras.Model, data: Data, metric: str, extra: Sequence[str] = ()
) -> tuple[float, UnitScores | None]:
    """Return a model's score on the validation split of a fold, and each unit's contribution.

    Args:
        model: trained on the fold.
        data: of the fold.
        metric: name of the score.
        extra: names of metrics beside the task's own.
    """
    if data.samples.target.per == "sample" and not data.samples.target.is_input:
        rows = data.valid
        parts = [
            outputs_of(model, rows.inputs(slice(start, start + 4096)))
            for start in range(0, len(rows), 4096)
        ]
        return score_outputs(np.concatenate(parts), data, metric, extra)
    from mlzoo.layers.predictive import distribution_model

    spread = distribution_model(model) or model
    report, outcome = evaluate(
        lambda inputs: outputs_of(spread, inputs), data, "valid", baselines="none", extra=extra
    )
    metrics = report["metrics"]
    return _pick(metrics, metric, data.samples.task), _units(outcome.scorers(), metric, data)


def score_outputs(
    outputs: np.ndarray, data: Data, metric: str, extra: Sequence[str] = ()
) -> tuple[float, UnitScores | None]:
    """Return the score of a model's outputs on the validation split of a fold.

    Args:
        outputs: (n, units) outputs for the n samples of the validation split.
        data: of the fold.
        metric: name of the score.
        extra: names of metrics beside the task's own.

    Returns:
        The score, and the contribution of each held-out unit to it.

    Raises:
        DivergedError: outputs are NaN or infinite.
        UsageError: the task has no such metric.
    """
    if not np.isfinite(outputs).all():
        raise DivergedError("the outputs became NaN or infinite")
    task, targets = sample_task(data.samples.task), data.valid.targets
    known = task.scorers(targets, task.as_predictions(outputs, targets), extra=extra)
    _check_metric(known, metric, task.name)
    value = number(known[metric](np.ones((1, len(targets))))[0])
    return float("nan") if value is None else value, _units(known, metric, data)


def _units(known: dict[str, Scorer], metric: str, data: Data) -> UnitScores | None:
    return unit_scores(known[metric], data.valid) if metric in known else None


def _pick(scores: Mapping[str, float | None], metric: str, task: str) -> float:
    _check_metric(scores, metric, task)
    value = scores[metric]
    return float("nan") if value is None else float(value)


def _check_metric(known: Iterable[str], metric: str, task: str) -> None:
    if metric not in known:
        others = ", ".join(name for name in known if registry.constants("metric", name))
        raise UsageError(f"--metric {metric} is none of {task}; choose one of {others}")
