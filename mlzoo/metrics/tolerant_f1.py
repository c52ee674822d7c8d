"""Harmonic mean of the precision and recall of pixels within `--tolerance` of their class.

0 for a class that occurs in truth or prediction alone; see `_tolerant` for the mean over classes.
"""

from __future__ import annotations

from typing import Any

from mlzoo.metrics._tolerant import foreground_mean
from mlzoo.statistics.pixels import boundary_f1
from mlzoo.statistics.scorers import Scorer

TARGETS = ("classes per pixel",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "tolerant F1"
TOLERANT = True


def score(predictions: Any) -> Scorer | None:
    """Return the metric as a function of weights over images; None without `--tolerance`."""
    return foreground_mean(predictions, boundary_f1)
