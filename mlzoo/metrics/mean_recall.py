"""Mean recall of the classes that occur."""

from __future__ import annotations

from typing import Any

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Scorer, mean_defined, summed

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Any) -> Scorer:
    """Return the metric as a function of weights over images."""
    return summed(predictions.confusion, lambda sums: mean_defined(pixels.recall(sums)))
