"""Base of tasks with one class per sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.data.contracts import Scorer
from mlzoo.data.samples import Part, Samples
from mlzoo.data.specs import Outputs
from mlzoo.statistics.calibration.bins import reliability_table, sample_bins
from mlzoo.statistics.metrics import as_probabilities, class_tables
from mlzoo.statistics.scorers import ClassPredictions, Distributions
from mlzoo.tasks._predictions import SamplePredictions
from mlzoo.tasks._samples import SampleTask
from mlzoo.tasks._tallies import MODEL_TABLES


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
