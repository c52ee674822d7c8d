"""Share of the predicted pixels that lie within `--tolerance` of a true one of their class.

0 for a class that occurs and is never predicted; see `_tolerant` for the mean over classes.
"""

from __future__ import annotations

from typing import Any

from mlzoo.metrics._tolerant import foreground_mean
from mlzoo.statistics.scorers import Scorer, precision_of

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "tolerant precision"
TOLERANT = True


def score(predictions: Any) -> Scorer | None:
    """Return the metric as a function of weights over images; None without `--tolerance`."""
    return foreground_mean(
        predictions, lambda sums: precision_of(sums[..., 0], sums[..., 1], sums[..., 3])
    )
