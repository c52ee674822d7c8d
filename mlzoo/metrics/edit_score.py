"""One minus the normalized edit distance of the order of segments, averaged over sequences.

Lea et al., "Temporal Convolutional Networks for Action Segmentation and Detection" (2017).
"""

from __future__ import annotations

from mlzoo.statistics.scorers import Predictions, Scorer, weighted_mean

TARGETS = ("classes per step",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over sequences."""
    return weighted_mean(predictions.edit)
