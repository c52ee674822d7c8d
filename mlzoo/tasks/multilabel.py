"""Any number of several labels for each sample, such as what a picture shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.data.contracts import Evaluation, Headline, Predict, Scorer, SplitScores
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs, Target
from mlzoo.data.tables.label_sets import encoded, joined, split_cell
from mlzoo.statistics.calibration.thresholds import HALF, choose_thresholds
from mlzoo.statistics.metrics import number, scorers
from mlzoo.statistics.scorers import Distributions, LabelPredictions
from mlzoo.tasks._predictions import SamplePredictions
from mlzoo.tasks._samples import SampleOutcome, SampleTask, outputs_of

if TYPE_CHECKING:
    import keras

_OF_LABEL = ("average_precision", "roc_auc")
"""Metrics of each label that follow from its probabilities alone."""


class Task(SampleTask):
    """Multi-label classification: a probability a label, and a threshold at which it is predicted.

    Thresholds are those of the best F1 on the validation split; without one they are those of the
    trained run, or a half. Predictions are (n, 2, k): probabilities, and 1 for what is predicted.
    """

    target = Target("labels")
    losses = ("binary_crossentropy",)
    headline = Headline("mean_average_precision", "max")
    metrics = (
        *("mean_average_precision", "mean_roc_auc", "macro_f1", "micro_f1"),
        *("exact_match", "label_accuracy"),
    )
    followed = ("label_accuracy",)

    def output_spec(self, train: Part) -> Outputs:
        """Return one output a label."""
        return Outputs(self.name, len(train.samples.class_names))

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the probability of each label."""
        import keras

        return keras.layers.Activation("sigmoid", dtype="float32", name="output")(logits)

    def evaluate(self, given: Evaluation) -> tuple[SplitScores, SampleOutcome]:
        """Score a model on a split of the data; see `SampleTask`.

        Thresholds of the model and of the baselines are chosen alike, each on the validation split.
        `trained` holds those of the run where `data` has no such split.
        """
        valid = given.data.valid
        thresholds = _thresholds(given.predict, valid, given.trained)
        decided = {
            name: replace(each, predict=_deciding(each.predict, _thresholds(each.predict, valid)))
            for name, each in given.baselines.items()
        }
        model = _deciding(given.predict, thresholds)
        result, outcome = super().evaluate(replace(given, predict=model, baselines=decided))
        for row, threshold in zip(result["metrics"]["per_label"], thresholds, strict=True):
            row["threshold"] = float(threshold)
        return result, outcome

    def as_predictions(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return probabilities and decisions, (n, 2, k)."""
        return np.asarray(outputs, "float64")

    def scored(
        self,
        targets: np.ndarray,
        predictions: np.ndarray,
        positive: int = 1,
        distributions: Distributions | None = None,
    ) -> Any:
        """Return predictions as metrics take them."""
        return LabelPredictions(targets, predictions[:, 0], predictions[:, 1])

    def tables(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples, positive: int = 1
    ) -> dict[str, object]:
        """Return a row a label, and of two labels how many samples have both, (k, k)."""
        scored = self.scored(targets, predictions)
        weights = np.ones((1, len(targets)))
        rows = []
        for i, (name, label) in enumerate(zip(samples.class_names, scored.each(), strict=True)):
            true, chosen, right = (
                float(each[:, i].sum()) for each in (scored.true, scored.chosen, scored.right)
            )
            ranked = scorers(_OF_LABEL, label)
            rows.append(
                {
                    "label": name,
                    **{metric: number(each(weights)[0]) for metric, each in ranked.items()},
                    "f1": 2 * right / (true + chosen) if true + chosen else None,
                    "precision": right / chosen if chosen else 0.0,
                    "recall": right / true if true else None,
                    "support": int(true),
                }
            )
        whole = targets.astype("int64")
        return {"per_label": rows, "together": (whole.T @ whole).tolist()}

    def columns(
        self, targets: np.ndarray, predictions: np.ndarray, samples: Samples
    ) -> list[tuple[str, Any]]:
        """Return true and predicted label sets, and the probability of each label."""
        names = samples.class_names
        return [
            ("target", joined(targets, names)),
            ("prediction", joined(predictions[:, 1], names)),
            *((f"p_{name}", predictions[:, 0, i]) for i, name in enumerate(names)),
        ]

    def saved_scorer(self, metric: str, saved: SamplePredictions) -> Scorer:
        """Return a metric of saved label sets and probabilities."""
        y_true, chosen = (
            encoded([split_cell(cell) for cell in column[:, 0]], saved.classes)
            for column in (saved.targets, saved.predictions)
        )
        return self.scorers(y_true, np.stack([saved.probabilities, chosen], axis=1))[metric]


def _thresholds(
    predict: Predict, valid: Part, trained: Mapping[str, Any] | None = None
) -> np.ndarray:
    """Return the threshold of each label, (k,)."""
    if trained and "per_label" in trained:
        return np.array([row["threshold"] for row in trained["per_label"]])
    if not len(valid):
        return np.full(len(valid.samples.class_names), HALF)
    return choose_thresholds(valid.targets, outputs_of({"": predict}, valid)[""])


def _deciding(predict: Predict, thresholds: np.ndarray) -> Predict:
    """Return a predictor of probabilities and decisions, (n, 2, k)."""

    def decide(inputs: np.ndarray) -> np.ndarray:
        probabilities = np.clip(np.asarray(predict(inputs), "float64"), 0, 1)
        return np.stack([probabilities, probabilities >= thresholds], axis=1)

    return decide
