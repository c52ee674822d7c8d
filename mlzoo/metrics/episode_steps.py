"""Mean steps of an episode."""

from __future__ import annotations

from mlzoo.statistics.episodes import EpisodeScores
from mlzoo.statistics.scorers import Scorer, weighted_mean

TARGETS = ("actions per episode",)
DIRECTION = "max"
BOUNDS = (0.0, None)
TITLE = "steps an episode"


def score(predictions: EpisodeScores) -> Scorer:
    """Return the metric as a function of weights over episodes."""
    return weighted_mean(predictions.steps.astype("float64"))
