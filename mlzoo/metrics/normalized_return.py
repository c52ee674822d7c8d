"""Mean return on the way from random actions (0) to the optimum (1), where that is known."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.episodes import EpisodeScores
from mlzoo.statistics.scorers import Scorer, weighted_mean

TARGETS = ("actions per episode",)
DIRECTION = "max"
BOUNDS = (None, None)
TITLE = "return, 0 random to 1 optimal"


def score(predictions: EpisodeScores) -> Scorer | None:
    """Return the metric as a function of weights over episodes; None without an optimum."""
    gap = predictions.optimum - predictions.random
    if not np.isfinite(gap) or gap <= 0:
        return None
    return weighted_mean((predictions.returns - predictions.random) / gap)
