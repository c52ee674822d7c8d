"""Base of tasks with one prediction per sample: evaluation, outcome and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Evaluation, Predict, Scorer, SplitScores, task
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs
from mlzoo.statistics import intervals
from mlzoo.statistics.calibration.bins import reliability_table, sample_bins
from mlzoo.statistics.metrics import (
    as_probabilities,
    class_counts,
    class_tables,
    rarer,
    scorers,
    values,
)
from mlzoo.statistics.scorers import ClassPredictions, Distributions
from mlzoo.statistics.verdicts import against_baselines, best_baseline
from mlzoo.tasks._heads import HeadedTask
from mlzoo.tasks._predictions import SamplePredictions, read_predictions
from mlzoo.tasks._tallies import MODEL_TABLES

OF_DISTRIBUTIONS = ("crps", "nll")
"""Metrics that are added where a model predicts a distribution."""


class SampleTask(HeadedTask):
    """Task with one class, or one or several numbers, per sample."""

    def as_predictions(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return a model's outputs (n, units) as they are scored."""
        raise NotImplementedError

    def distributions(
        self, outputs: np.ndarray, levels: Sequence[float] = ()
    ) -> Distributions | None:
        """Return predicted distributions; None of points.

        Args:
            outputs: of a model or baseline; (n, 2, units) has means and deviations, (n, q, units)
                a quantile of each level.
            levels: of the quantiles; () of deviations.
        """
        return None

    def scored(
        self,
        targets: np.ndarray,
        predictions: np.ndarray,
        positive: int = 1,
        distributions: Distributions | None = None,
    ) -> Any:
        """Return predictions as metrics take them.

        Args:
            targets: (n,) class positions, or (n,) or (n, k) numbers.
            predictions: output of `as_predictions`.
            positive: which of two classes metrics of one class are about.
            distributions: output of `distributions`.
        """
        raise NotImplementedError

    def scorers(
        self,
        targets: np.ndarray,
        predictions: np.ndarray,
        positive: int = 1,
        extra: Sequence[str] = (),
        distributions: Distributions | None = None,
    ) -> dict[str, Scorer]:
        """Return the task's metrics and others as functions of weights over samples.

        Args:
            targets: (n,) class positions, or (n,) or (n, k) numbers.
            predictions: output of `as_predictions`.
            positive: which of two classes metrics of one class are about.
            extra: names of other metrics.
            distributions: output of `distributions`.
        """
        names = dict.fromkeys((*self.metrics, *extra))
        return scorers(names, self.scored(targets, predictions, positive, distributions))

    def scores(
        self, targets: np.ndarray, predictions: np.ndarray, positive: int = 1
    ) -> dict[str, float | None]:
        """Return the task's metrics; None where one is undefined."""
        return values(self.scorers(targets, predictions, positive), len(targets))

    def tables(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int = 1
    ) -> dict[str, object]:
        """Return what is reported beside the metrics: tables of classes or targets, JSON-able."""
        raise NotImplementedError

    def columns(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples
    ) -> list[tuple[str, Any]]:
        """Return the task's columns of `predictions.csv`.

        Args:
            targets: (n,) class positions, or (n,) or (n, k) numbers.
            predictions: output of `as_predictions`.
            samples: the data they belong to.
        """
        raise NotImplementedError

    def read_predictions(self, path: Any) -> SamplePredictions:
        """Read `predictions.csv`; see `Task`."""
        return read_predictions(path, self.saved_scorer)

    def saved_scorer(self, metric: str, saved: SamplePredictions) -> Scorer:
        """Return a metric of saved predictions as a function of weights over samples."""
        raise NotImplementedError

    def evaluate(self, given: Evaluation) -> tuple[SplitScores, SampleOutcome]:
        """Score a model on a split of the data; samples are read once, in chunks."""
        data, baselines, seed = given.data, given.baselines, given.seed
        rows, part, counts = given.rows, given.part, class_counts(data.samples)
        rare = rarer(counts) if given.positive is None else given.positive
        predictors = {"": given.predict} | {name: each.predict for name, each in baselines.items()}
        outputs = outputs_of(predictors, rows)
        _check_finite(outputs[""], part)
        predictions = {
            name: self.as_predictions(each, rows.targets) for name, each in outputs.items()
        }
        levels = data.outputs.quantiles
        spread = {name: self.distributions(each, levels) for name, each in outputs.items()}
        names = (*given.extra, *(() if spread[""] is None else OF_DISTRIBUTIONS))
        outcome = SampleOutcome(
            self, rows.targets, predictions.pop(""), rows.indices, rare, names, spread[""]
        )
        ours, groups = outcome.scorers(), rows.groups
        theirs = {
            name: self.scorers(rows.targets, each, rare, names, spread[name])
            for name, each in predictions.items()
        }
        metric = self.judged_by(counts, len(data.samples.target_names)).name
        chosen = self._chosen(data.valid, baselines, metric, rare) if part == "test" else None
        result: SplitScores = {
            "part": part,
            "samples": len(rows),
            "metrics": {
                **values(ours, len(rows)),
                **self.tables(rows.targets, outcome.outputs, data.samples, rare),
            },
            "intervals": intervals.intervals(ours, len(rows), groups, seed),
            "interval_unit": intervals.unit(groups),
            "units": intervals.count_units(len(rows), groups),
            "baselines": {
                name: {
                    **values(theirs[name], len(rows)),
                    **self._beside(rows.targets, each, data.samples, rare),
                    "note": baselines[name].note_on(rows),
                }
                for name, each in predictions.items()
            },
            "headline": metric,
            **against_baselines(ours, theirs, metric, len(rows), groups, seed, chosen),
        }
        if "crps" in ours and (beside := {k: v for k, v in theirs.items() if spread[k]}):
            judged = against_baselines(ours, beside, "crps", len(rows), groups, seed)
            result["distribution"] = judged
        self.judge_each(result, outcome, predictions, groups, seed, chosen)
        return result, outcome

    def judge_each(
        self,
        result: SplitScores,
        outcome: SampleOutcome,
        baselines: Mapping[str, np.ndarray],
        groups: np.ndarray | None,
        seed: int,
        chosen: str | None,
    ) -> None:
        """Add the verdict on each of several targets to a result.

        Args:
            result: what `evaluate` returns.
            outcome: predictions of the model.
            baselines: predictions of the baselines, shaped alike.
            groups: (n,) labels of what is left out together, or None.
            seed: of the intervals' resampling.
            chosen: the best baseline on the validation split; None: the best on these samples.
        """

    def _chosen(
        self, rows: Part, baselines: Mapping[str, Baseline], metric: str, positive: int
    ) -> str | None:
        """Return the baseline that is best on the validation split; None without either."""
        if not len(rows) or len(baselines) < 2:
            return None
        outputs = outputs_of({name: each.predict for name, each in baselines.items()}, rows)
        scorers = {
            name: self.scorers(rows.targets, self.as_predictions(each, rows.targets), positive)
            for name, each in outputs.items()
        }
        return best_baseline(scorers, metric, len(rows))

    def _beside(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int
    ) -> dict[str, object]:
        """Return what is reported of a baseline beside its metrics."""
        return {}


@dataclass(frozen=True)
class SampleOutcome:
    """Predictions of a model for n samples.

    Attributes:
        task: task of the model.
        targets: (n,) class positions, or (n,) or (n, k) true values.
        outputs: (n, k) class probabilities, or predictions shaped as `targets`.
        indices: (n,) positions of the samples in `Samples`.
        positive: which of two classes metrics of one class are about.
        extra: names of metrics beside the task's own.
        distributions: what is predicted beside numbers; None of points.
    """

    task: SampleTask
    targets: np.ndarray
    outputs: np.ndarray
    indices: np.ndarray
    positive: int = 1
    extra: tuple[str, ...] = ()
    distributions: Distributions | None = None

    def scorers(self) -> dict[str, Scorer]:
        """Return the scalar metrics as functions of weights over samples."""
        given = self.positive, self.extra, self.distributions
        return self.task.scorers(self.targets, self.outputs, *given)

    def columns(self, samples: Samples) -> list[tuple[str, Any]]:
        """Return the columns of `predictions.csv`; numbers keep all their digits."""
        return [
            *samples.columns_of(self.indices),
            *self.task.columns(self.targets, self.outputs, samples),
            *self._distribution_columns(samples),
        ]

    def _distribution_columns(self, samples: Samples) -> list[tuple[str, Any]]:
        """Return the standard deviation or quantiles of each target, where they are predicted."""
        given = self.distributions
        if given is None:
            return []
        values = {} if given.std is None else {"std": given.std}
        for i, level in enumerate(given.levels):
            values[f"q{level:g}"] = given.quantiles[:, i]  # type: ignore[index]
        names = samples.target_names
        return [
            (f"{title}_{name}" if len(names) > 1 else title, each[:, i])
            for title, each in values.items()
            for i, name in enumerate(names)
        ]


def outputs_of(predictors: Mapping[str, Predict], rows: Part) -> dict[str, np.ndarray]:
    """Return outputs (n, k) of several predictors for all samples of a split, read once."""
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in predictors}
    for positions in rows.chunks():
        inputs = rows.inputs(positions)
        for name, predict in predictors.items():
            outputs[name].append(np.asarray(predict(inputs)))
    return {name: np.concatenate(chunks) for name, chunks in outputs.items()}


def _check_finite(outputs: np.ndarray, part: str) -> None:
    bad = int((~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)).sum())
    if bad:
        raise DivergedError(
            f"the model's outputs are NaN or infinite for {bad} of the {len(outputs)} samples of "
            f"the {part} split; train again with a smaller --learning-rate or --precision float32"
        )


def sample_task(name: str) -> SampleTask:
    """Return the task of a name, which must have one prediction per sample."""
    candidate = task(name)
    assert isinstance(candidate, SampleTask)
    return candidate


class ClassTask(SampleTask):
    """Task with one class per sample; predictions are probabilities (n, classes)."""

    losses = ("crossentropy",)
    followed = ("accuracy",)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per class."""
        return Outputs(self.name, self.units(len(train.samples.class_names)))

    def as_predictions(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return probabilities (n, classes)."""
        return as_probabilities(outputs)

    def scored(
        self,
        targets: np.ndarray,
        predictions: np.ndarray,
        positive: int = 1,
        distributions: Distributions | None = None,
    ) -> Any:
        """Return predictions as metrics take them."""
        return ClassPredictions(targets, predictions, positive)

    def tables(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int = 1
    ) -> dict[str, object]:
        """Return a table of the classes, the confusion matrix and the reliability."""
        return {
            **class_tables(targets, predictions, samples.class_names, positive),
            **reliability_table(sample_bins(targets, predictions)),
        }

    def _beside(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int
    ) -> dict[str, object]:
        tables = self.tables(targets, predictions, samples, positive)
        return {name: value for name, value in tables.items() if name not in MODEL_TABLES}

    def columns(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples
    ) -> list[tuple[str, Any]]:
        """Return true and predicted class, and the probability of each class."""
        names = samples.class_names
        return [
            ("target", [names[i] for i in targets]),
            ("prediction", [names[i] for i in predictions.argmax(axis=1)]),
            *((f"p_{name}", predictions[:, i]) for i, name in enumerate(names)),
        ]

    def saved_scorer(self, metric: str, saved: SamplePredictions) -> Scorer:
        """Return a metric of saved classes; one of probabilities is not defined on them."""
        both = np.concatenate([saved.targets, saved.predictions])[:, 0]
        place = {name: i for i, name in enumerate(saved.classes or np.unique(both))}
        targets, chosen = np.split(np.array([place[name] for name in both]), 2)
        return self.scorers(targets, np.eye(len(place))[chosen])[metric]
