"""Mean over the classes of F1 over segments that overlap by half (Lea et al. 2017)."""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, mean_defined, ratio

TARGETS = ("classes per step",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "segment F1"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over sequences."""
    matched = predictions.matched
    both = predictions.true_segments + predictions.predicted_segments
    return lambda weights: mean_defined(ratio(2 * (weights @ matched), weights @ both))
