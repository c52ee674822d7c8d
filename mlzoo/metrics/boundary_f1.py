"""Mean F1 of the boundaries of classes, those that lie close to each other counting as right.

Over the classes that have a boundary in truth or prediction, 0 for one that has it in one of them
only; see `mlzoo.statistics.boundaries`.
"""

from __future__ import annotations

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, summed

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "boundary F1"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images."""
    return summed(predictions.boundaries, lambda sums: mean_defined(pixels.boundary_f1(sums)))
