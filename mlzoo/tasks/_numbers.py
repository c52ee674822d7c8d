"""Base of tasks with one or several numbers for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlzoo.data.contracts import Scorer, SplitScores
from mlzoo.data.samples import Samples
from mlzoo.statistics import intervals
from mlzoo.statistics.metrics import spread
from mlzoo.statistics.scorers import Distributions, NumberPredictions
from mlzoo.statistics.verdicts import against_baselines
from mlzoo.tasks._predictions import SamplePredictions, read_numbers
from mlzoo.tasks._samples import SampleOutcome, SampleTask


class NumbersTask(SampleTask):
    """Task with one or several numbers for each sample."""

    def as_predictions(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return numbers shaped as the targets; of distributions their means or medians."""
        means = outputs[:, 0] if outputs.ndim == 3 else outputs
        return np.asarray(means, "float64").reshape(targets.shape)

    def distributions(
        self, outputs: np.ndarray, levels: Sequence[float] = ()
    ) -> Distributions | None:
        """Return deviations or quantiles; None of points."""
        if outputs.ndim != 3:
            return None
        if not levels:
            return Distributions(std=np.asarray(outputs, "float64")[:, 1])
        return Distributions.of_quantiles(outputs, levels)

    def scored(
        self,
        targets: np.ndarray,
        predictions: np.ndarray,
        positive: int = 1,
        distributions: Distributions | None = None,
    ) -> Any:
        """Return predictions as metrics take them."""
        return NumberPredictions(targets, predictions, distributions)

    def tables(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int = 1
    ) -> dict[str, object]:
        """Return the residuals, and with several targets metrics and residuals of each."""
        names = samples.target_names
        targets = np.asarray(targets, "float64").reshape(len(targets), len(names))
        errors = targets - np.asarray(predictions, "float64").reshape(targets.shape)
        tables: dict[str, object] = {"residuals": spread(errors.ravel())}
        if len(names) > 1:
            tables["per_target"] = [
                {
                    "target": name,
                    **self.scores(targets[:, i], predictions[:, i]),
                    "residuals": spread(errors[:, i]),
                }
                for i, name in enumerate(names)
            ]
        return tables

    def judge_each(
        self,
        result: SplitScores,
        outcome: SampleOutcome,
        baselines: Mapping[str, np.ndarray],
        groups: np.ndarray | None,
        seed: int,
        chosen: str | None,
    ) -> None:
        """Add to the row of each target the interval of its RMSE, `gain` and `verdict`."""
        y_true, y_pred, metric = outcome.targets, outcome.outputs, "rmse"
        for i, row in enumerate(result["metrics"].get("per_target", ())):
            ours = self.scorers(y_true[:, i], y_pred[:, i])
            theirs = {
                name: self.scorers(y_true[:, i], each[:, i]) for name, each in baselines.items()
            }
            alone = {metric: ours[metric]}
            row["interval"] = intervals.intervals(alone, len(y_true), groups, seed)[metric]
            row |= against_baselines(ours, theirs, metric, len(y_true), groups, seed, chosen)

    def columns(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples
    ) -> list[tuple[str, Any]]:
        """Return true and predicted values of each target."""
        truth = targets.reshape(len(targets), -1).astype("float64")
        values = predictions.reshape(truth.shape)
        if truth.shape[1] == 1:
            return [("target", truth[:, 0]), ("prediction", values[:, 0])]
        pairs = (("target", truth), ("prediction", values))
        return [
            (f"{what}_{name}", each[:, i])
            for what, each in pairs
            for i, name in enumerate(samples.target_names)
        ]

    def saved_scorer(self, metric: str, saved: SamplePredictions) -> Scorer:
        """Return a metric of saved numbers."""
        truth, predictions = (
            read_numbers(cells, "predictions.csv") for cells in (saved.targets, saved.predictions)
        )
        return self.scorers(truth, predictions)[metric]
