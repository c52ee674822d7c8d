"""Mean gap between confidence and accuracy in bins of equal mass, debiased.

The expected calibration error of the most probable class; see `mlzoo.statistics.calibration.bins`.
"""

from __future__ import annotations

from mlzoo.statistics.calibration.bins import bins_of, expected_error
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes per sample", "classes per pixel", "classes per step")
DIRECTION = "min"
BOUNDS = (0.0, 1.0)
SYMMETRIC = True
TITLE = "expected calibration error"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights; None where there are no probabilities."""
    bins = bins_of(predictions)
    return None if bins is None else expected_error(bins)
