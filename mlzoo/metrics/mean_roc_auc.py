"""Mean over labels of the area under the ROC; labels that none or all have are left out."""

from __future__ import annotations

import numpy as np

from mlzoo.metrics._ranking import roc_area
from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined

TARGETS = ("labels per sample",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "mean ROC AUC"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    pairs = zip(predictions.y_pred.T, predictions.true.T, strict=True)
    areas = [roc_area(scores, true) for scores, true in pairs]
    return lambda weights: mean_defined(np.stack([area(weights) for area in areas], axis=1))
