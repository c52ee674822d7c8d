"""Mean precision over thresholds, weighted by the gain in recall, of one of two classes.

scikit-learn's definition, without interpolation; undefined where no sample is of the class.
"""

from __future__ import annotations

from mlzoo.metrics._ranking import precision_area
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes per sample", "inputs per sample", "inputs per score")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
ONE_CLASS = True


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over samples; None unless of two classes."""
    if predictions.y_pred.shape[1] != 2:
        return None
    scores = predictions.y_pred[:, predictions.positive]
    return precision_area(scores, predictions.y_true == predictions.positive)
