"""Share of the true pixels that lie within `--tolerance` of a predicted one of their class.

See `_tolerant` for the mean over classes.
"""

from __future__ import annotations

from typing import Any

from mlzoo.metrics._tolerant import foreground_mean
from mlzoo.statistics.scorers import Scorer, ratio

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "tolerant recall"
TOLERANT = True


def score(predictions: Any) -> Scorer | None:
    """Return the metric as a function of weights over images; None without `--tolerance`."""
    return foreground_mean(predictions, lambda sums: ratio(sums[..., 2], sums[..., 3]))
