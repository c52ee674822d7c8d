"""Share of labels that are rightly predicted or rightly left out: 1 - the Hamming loss.

In training a label is predicted from a probability of a half.
"""

from __future__ import annotations

from typing import Any

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("labels per sample",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    same = predictions.true == predictions.chosen
    return predictions.mean(same.mean(axis=1))


def build(outputs: Any, mixed: bool = False) -> Any:
    """Return the Keras metric; mixed labels count from a share of a half."""
    from mlzoo.metrics._followed import as_metric, label_accuracy

    return as_metric(label_accuracy, "label_accuracy")
