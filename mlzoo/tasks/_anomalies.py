"""Base of tasks that give each sample an error, from which anomalous ones are found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Headline, Predict, Scorer
from mlzoo.data.samples import Data, Part
from mlzoo.data.specs import Outputs
from mlzoo.statistics.metrics import number, scorers
from mlzoo.statistics.scorers import FALSE_ALARMS, Reconstructions, p_values
from mlzoo.tasks._inputs import InputTask
from mlzoo.tasks._predictions import ImageScores, read_image_scores
from mlzoo.tasks._tallies import Counting, Tally

_KEPT = 10_000
"""Errors of the validation split that are kept, at most."""


class AnomalyTask(InputTask):
    """Task whose samples have errors; labels, where there are any, are not learned from."""

    detection = Headline("roc_auc", "max")
    """The deciding metric where it is known which samples are anomalous."""

    def maps(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the squared error at each place (n, ...): of an image at each pixel.

        Args:
            truth: (n, ..., channels) scaled inputs.
            predicted: what the model gives for them.
        """
        return squared_errors(truth, predicted)

    def sums(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the number of values, squared and absolute errors (n, 3) of each sample."""
        return error_sums(truth, predicted)

    def known(self, rows: Part) -> np.ndarray | None:
        """Return which samples (n,) are anomalous; None where that is not known."""
        anomalous = rows.samples.anomalous
        return None if anomalous is None else anomalous[rows.indices]

    def judged_on(self, rows: Part) -> Headline:
        """Return how well anomalous samples are found, where it is known which they are."""
        known = self.known(rows)
        return self.headline if known is None or not known.any() else self.detection

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
        sums, _ = self._sums(predictors, data.outputs, rows, counting)
        unseen: dict[str, np.ndarray] = {}
        largest: dict[str, np.ndarray] = {}
        if len(data.valid) and rows is not data.valid:
            unseen, largest = self._sums(predictors, data.outputs, data.valid, Counting(()))
        samples, known = rows.samples, self.known(rows)
        kinds: dict[str, np.ndarray] = {}
        if known is not None and samples.classes is not None:
            classes = samples.classes[rows.indices]
            kinds = {
                name: classes == position
                for position, name in enumerate(samples.class_names)
                if known[classes == position].any()
            }
        tallies: dict[str, Tally] = {}
        for name, each in sums.items():
            errors = Reconstructions(unseen[name]).errors() if name in unseen else None
            counts = Reconstructions(each, known)
            if errors is not None:
                counts = replace(counts, p_values=p_values(counts.errors(), errors))
            ours = None if name else errors
            pixels = largest.get(name) if ours is not None and samples.kind == "image" else None
            tallies[name] = ReconstructionTally(counts, ours, pixels, kinds)
        return tallies

    def _sums(
        self, predictors: Mapping[str, Predict], outputs: Outputs, rows: Part, counting: Counting
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the sums of each predictor (n, 3), and the error of the worst place (n,).

        Args:
            predictors: from raw inputs to outputs, by name; the model has the name "".
            outputs: what they are compared with.
            rows: the samples, which are read once, in chunks.
            counting: sees the predictions too.
        """
        from mlzoo.layers.input_scaling import scaled

        sums: dict[str, list[np.ndarray]] = {name: [] for name in predictors}
        largest: dict[str, list[np.ndarray]] = {name: [] for name in predictors}
        for positions in rows.chunks():
            inputs = rows.inputs(positions)
            y_true = scaled(outputs.scaling, inputs)
            for name, predict in predictors.items():
                y_pred = np.asarray(predict(inputs))
                if not name:
                    _check_finite(y_pred)
                # Baselines restore samples, whatever the model does.
                sums[name].append((error_sums if name else self.sums)(y_true, y_pred))
                maps = (squared_errors if name else self.maps)(y_true, y_pred)
                largest[name].append(maps.reshape(len(maps), -1).max(axis=1))
                for truth, predicted in zip(y_true, y_pred, strict=True):
                    counting.see(name, truth, predicted)
        joined = [{n: np.concatenate(each) for n, each in of.items()} for of in (sums, largest)]
        return joined[0], joined[1]


def squared_errors(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the mean over channels (n, ...) of squared errors of (n, ..., channels)."""
    error = predicted.reshape(truth.shape).astype("float64") - truth
    return np.asarray((error**2).mean(axis=-1))


def error_sums(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the number of values, squared and absolute errors (n, 3) of reconstructions."""
    error = (predicted.reshape(truth.shape) - truth).reshape(len(truth), -1).astype("float64")
    counts = np.full(len(error), error.shape[1])
    return np.stack((counts, (error**2).sum(axis=1), np.abs(error).sum(axis=1)), axis=1)


@dataclass(frozen=True)
class SavedErrors(ImageScores):
    """Saved errors of samples, ordered by index."""

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
        pixels: (k,) squared errors of the worst pixel of each image of the validation split.
        kinds: (n,) which samples are of each kind of anomaly, by its name.
    """

    counts: Reconstructions
    unseen: np.ndarray | None = None
    pixels: np.ndarray | None = None
    kinds: Mapping[str, np.ndarray] = field(default_factory=dict)

    def tables(self) -> dict[str, object]:
        """Return what is found, of each kind too, and the errors of the validation split."""
        facts: dict[str, object] = {}
        if self.counts.anomalous is not None and self.counts.anomalous.any():
            facts["positive_class"] = "anomalous"
        if self.kinds:
            facts["per_kind"] = [self._found(name, of) for name, of in self.kinds.items()]
        if self.pixels is not None:
            facts["thresholds"] = {"pixel": _exceeded_by(FALSE_ALARMS, self.pixels)}
        if self.unseen is None:
            return facts
        ordered = np.sort(self.unseen)
        places = np.linspace(0, len(ordered) - 1, min(len(ordered), _KEPT)).round().astype(int)
        return {**facts, "validation_errors": [float(f"{each:.6g}") for each in ordered[places]]}

    def _found(self, kind: str, members: np.ndarray) -> dict[str, object]:
        """Return how well the anomalies of a kind are told from normal samples."""
        assert self.counts.anomalous is not None
        weights = (members | ~self.counts.anomalous).astype("float64")[None]
        names = ("roc_auc", "average_precision", "anomaly_recall")
        scores = scorers(names, self.counts)
        values = {name: number(score(weights)[0]) for name, score in scores.items()}
        return {"kind": kind, "samples": int(members.sum()), **values}

    def threshold(self) -> float | None:
        """Return the error from which samples are flagged; None with too few normal ones."""
        return None if self.unseen is None else _exceeded_by(FALSE_ALARMS, self.unseen)

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


def _exceeded_by(share: float, errors: np.ndarray) -> float | None:
    """Return what a share of normal errors, at most, reaches; None with too few of them."""
    rank = math.floor(share * (len(errors) + 1))  # this many may be as large
    return float(np.sort(errors)[-rank]) if rank else None


def _check_finite(outputs: np.ndarray) -> None:
    if not np.isfinite(outputs).all():
        raise DivergedError(
            "the model's outputs are NaN or infinite; train again with a smaller --learning-rate "
            "or --precision float32"
        )
