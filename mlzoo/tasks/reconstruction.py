"""The sample itself, through a bottleneck: learning without labels.

Errors are those of the scaled input: pixels from 0 to 1, standardized numbers of tables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Headline, Predict, Scorer
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics.metrics import scorers
from mlzoo.statistics.scorers import FALSE_ALARMS, Reconstructions, p_values
from mlzoo.tasks._inputs import InputTask
from mlzoo.tasks._predictions import ImageScores, read_image_scores
from mlzoo.tasks._tallies import Counting, Tally

_KEPT = 10_000
"""Errors of the validation split that are kept, at most."""


class Task(InputTask):
    """Reconstruction of the scaled input; labels, where there are any, are not learned from."""

    target = Target("inputs")
    losses = ("mse",)
    headline = Headline("mse", "min")
    metrics = ("mse", "mae", "roc_auc", "average_precision", "anomaly_recall", "false_alarms")

    def judged_on(self, rows: Part) -> Headline:
        """Return how well anomalous samples are found, where it is known which they are."""
        anomalous = rows.samples.anomalous
        if anomalous is None or not anomalous[rows.indices].any():
            return self.headline
        return Headline("roc_auc", "max")

    def read_predictions(self, path: Any) -> SavedErrors:
        """Read `predictions.csv`; see `Task`."""
        return SavedErrors(**vars(read_image_scores(path)))

    def count(
        self,
        predict: Predict | None,
        data: Data,
        rows: Part,
        baselines: Mapping[str, Baseline],
        counting: Counting,
    ) -> dict[str, Tally]:
        """Return the errors of the model (under "") and of each baseline; see `TallyTask`.

        P-values are those among the errors of the validation split.
        """
        predictors: dict[str, Predict] = {name: each.predict for name, each in baselines.items()}
        if predict is not None:
            predictors = {"": predict} | predictors
        sums = _sums(predictors, data.outputs, rows, counting)
        unseen = {}
        if len(data.valid) and rows is not data.valid:
            unseen = _sums(predictors, data.outputs, data.valid, Counting(()))
        anomalous = rows.samples.anomalous
        known = None if anomalous is None else anomalous[rows.indices]
        tallies: dict[str, Tally] = {}
        for name, each in sums.items():
            errors = Reconstructions(unseen[name]).errors() if name in unseen else None
            counts = Reconstructions(each, known)
            if errors is not None:
                counts = replace(counts, p_values=p_values(counts.errors(), errors))
            tallies[name] = ReconstructionTally(counts, None if name else errors)
        return tallies


@dataclass(frozen=True)
class SavedErrors(ImageScores):
    """Saved errors of reconstructed samples, ordered by index."""

    def scorer(self, metric: str, metrics: Mapping[str, Any] | None = None) -> Scorer:
        """Return a metric as a function of weights over samples; absolute errors are not saved."""
        absolute = np.full(len(self.indices), np.nan)
        sums = np.stack([self.sums["values"], self.sums["squared_error"], absolute], axis=1)
        known = self.sums.get("anomalous")
        counts = Reconstructions(
            sums, None if known is None else known.astype(bool), self.sums.get("p_value")
        )
        return scorers([metric], counts)[metric]


@dataclass(frozen=True)
class ReconstructionTally:
    """Errors of n samples.

    Attributes:
        counts: the errors.
        unseen: (k,) errors of the validation split, by which new samples are judged.
    """

    counts: Reconstructions
    unseen: np.ndarray | None = None

    def tables(self) -> dict[str, object]:
        """Return what is found, and the errors of the validation split, in order."""
        facts: dict[str, object] = {}
        if self.counts.anomalous is not None:
            facts["positive_class"] = "anomalous"
        if self.unseen is None:
            return facts
        ordered = np.sort(self.unseen)
        places = np.linspace(0, len(ordered) - 1, min(len(ordered), _KEPT)).round().astype(int)
        return {**facts, "validation_errors": [float(f"{each:.6g}") for each in ordered[places]]}

    def threshold(self) -> float | None:
        """Return the error from which samples are flagged; None with too few normal ones."""
        if self.unseen is None:
            return None
        rank = math.floor(FALSE_ALARMS * (len(self.unseen) + 1))  # this many may be as large
        return float(np.sort(self.unseen)[-rank]) if rank else None

    def scores(self) -> np.ndarray:
        """Return the negative mean squared error (n,) of each sample."""
        return -self.counts.errors()

    def columns(self) -> dict[str, list[Any]]:
        """Return errors and their sums, p-values and what is known of each sample."""
        counts = self.counts
        columns = {
            "mse": counts.errors().tolist(),
            "values": counts.sums[:, 0].astype(int).tolist(),
            "squared_error": counts.sums[:, 1].tolist(),
        }
        if counts.p_values is not None:
            columns["p_value"] = counts.p_values.tolist()
        if counts.anomalous is not None:
            columns["anomalous"] = counts.anomalous.astype(int).tolist()
        return columns


def _sums(
    predictors: Mapping[str, Predict], outputs: Outputs, rows: Part, counting: Counting
) -> dict[str, np.ndarray]:
    """Return of each predictor (n, 3): number of values, squared and absolute errors.

    Args:
        predictors: from raw inputs to scaled ones, by name; the model has the name "".
        outputs: what they are compared with.
        rows: the samples, which are read once, in chunks.
        counting: sees the predictions too.
    """
    from mlzoo.layers.input_scaling import scaled

    sums: dict[str, list[np.ndarray]] = {name: [] for name in predictors}
    for positions in rows.chunks():
        inputs = rows.inputs(positions)
        y_true = scaled(outputs.scaling, inputs)
        for name, predict in predictors.items():
            y_pred = np.asarray(predict(inputs)).reshape(y_true.shape)
            if not name:
                _check_finite(y_pred)
            error = (y_pred - y_true).reshape(len(y_true), -1).astype("float64")
            counts = np.full(len(error), error.shape[1])
            totals = (counts, (error**2).sum(axis=1), np.abs(error).sum(axis=1))
            sums[name].append(np.stack(totals, axis=1))
            for truth, predicted in zip(y_true, y_pred, strict=True):
                counting.see(name, truth, predicted)
    return {name: np.concatenate(each) for name, each in sums.items()}


def _check_finite(outputs: np.ndarray) -> None:
    if not np.isfinite(outputs).all():
        raise DivergedError(
            "the model's outputs are NaN or infinite; train again with a smaller --learning-rate "
            "or --precision float32"
        )
