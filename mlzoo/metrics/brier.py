"""Mean squared error of the probabilities (Brier 1950), 0 where all are certain and right.

Summed over the classes, so that 2 is the worst; of two classes that of one of them, as scikit-learn
has it, so that 1 is.
"""

from __future__ import annotations

from mlzoo.statistics.calibration.bins import bins_of, squared_error
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes per sample", "classes per pixel", "classes per step")
DIRECTION = "min"
BOUNDS = (0.0, 2.0)
TITLE = "Brier score"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights; None where there are no probabilities."""
    bins = bins_of(predictions)
    return None if bins is None else squared_error(bins)
