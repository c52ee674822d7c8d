"""The sample itself, through a bottleneck: learning without labels.

Errors are those of the scaled input: pixels from 0 to 1, standardized numbers of tables.
"""

from __future__ import annotations

from mlzoo.data.contracts import Headline
from mlzoo.data.specs import Target
from mlzoo.tasks._anomalies import AnomalyTask


class Task(AnomalyTask):
    """Reconstruction of the scaled input."""

    target = Target("inputs")
    losses = ("mse",)
    headline = Headline("mse", "min")
    metrics = ("mse", "mae", "roc_auc", "average_precision", "anomaly_recall", "false_alarms")
