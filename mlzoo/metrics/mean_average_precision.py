"""Mean over labels of the average precision: how well samples that have one are ranked first.

Of each label the mean precision over thresholds, weighted by the gain in recall (scikit-learn's
definition, without interpolation); labels that no sample has are left out.
"""

from __future__ import annotations

import numpy as np

from mlzoo.metrics._ranking import precision_area
from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined

TARGETS = ("labels per sample",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    pairs = zip(predictions.y_pred.T, predictions.true.T, strict=True)
    areas = [precision_area(scores, true) for scores, true in pairs]
    return lambda weights: mean_defined(np.stack([area(weights) for area in areas], axis=1))
