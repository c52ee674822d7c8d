"""Mean return: the sum of an episode's rewards, over episodes."""

from __future__ import annotations

from mlzoo.statistics.episodes import EpisodeScores
from mlzoo.statistics.scorers import Scorer, weighted_mean

TARGETS = ("actions per episode",)
DIRECTION = "max"
BOUNDS = (None, None)
TITLE = "mean return"


def score(predictions: EpisodeScores) -> Scorer:
    """Return the metric as a function of weights over episodes."""
    return weighted_mean(predictions.returns)
