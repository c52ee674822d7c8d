"""Anomaly scores and maps, learned from normal samples without labels.

A model gives an anomaly map of squared distances; a sample's score is the largest of them. Where
no anomalous samples are known, the share of normal ones that are flagged is judged.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlzoo.data.contracts import Headline
from mlzoo.data.samples import Part
from mlzoo.data.specs import Outputs, Target
from mlzoo.tasks._anomalies import AnomalyTask


class Task(AnomalyTask):
    """Anomaly detection; baselines restore samples, and their mean squared errors are scores."""

    target = Target("inputs", "score")
    losses = ("distance",)
    headline = Headline("false_alarms", "min")
    metrics = ("roc_auc", "average_precision", "anomaly_recall", "false_alarms")

    def output_spec(self, train: Part) -> Outputs:
        """Return one output at each pixel."""
        return replace(super().output_spec(train), units=1)

    def known(self, rows: Part) -> np.ndarray | None:
        """Return which samples (n,) are anomalous; none where no class was called normal."""
        known = super().known(rows)
        if known is None and not rows.samples.reader.normal:
            return np.zeros(len(rows), bool)
        return known

    def maps(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the anomaly maps (n, height, width)."""
        return predicted[..., 0]

    def sums(self, truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return the largest distance of each sample as its squared error; see `AnomalyTask`."""
        largest = predicted.reshape(len(predicted), -1).max(axis=1).astype("float64")
        return np.stack((np.ones(len(largest)), largest, np.sqrt(largest)), axis=1)
