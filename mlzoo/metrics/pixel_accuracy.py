"""Share of the pixels whose class is right."""

from __future__ import annotations

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Array, Predictions, Scorer, ratio, summed

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images."""

    def share(sums: Array) -> Array:
        return ratio(pixels.right_of(sums).sum(axis=1), sums.sum(axis=(1, 2)))

    return summed(predictions.confusion, share)
