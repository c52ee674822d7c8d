"""Share of what is right as a whole: all labels of a sample, or a text to its last character."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, weighted_mean

TARGETS = ("labels per sample", "classes per symbol")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
BINOMIAL = True


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return weighted_mean(predictions.exact)
