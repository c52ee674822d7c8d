"""Returns of episodes, as metrics take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EpisodeScores:
    """Scores of n episodes.

    Attributes:
        returns: (n,) sums of rewards.
        steps: (n,) steps taken.
        random: expected return of random actions; NaN where it is not known.
        optimum: expected return of the best policy; NaN where it is not known.
    """

    returns: np.ndarray
    steps: np.ndarray
    random: float = np.nan
    optimum: float = np.nan
