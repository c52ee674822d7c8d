"""Share of pairs of samples of two classes that are ranked correctly, ties counting half.

Mann-Whitney's U over the number of pairs; undefined where one class is absent.
"""

from __future__ import annotations

from mlzoo.metrics._ranking import roc_area
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes per sample", "inputs per sample", "inputs per score")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "ROC AUC"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over samples; None unless of two classes."""
    if predictions.y_pred.shape[1] != 2:
        return None
    return roc_area(predictions.y_pred[:, 1], predictions.y_true == 1)
