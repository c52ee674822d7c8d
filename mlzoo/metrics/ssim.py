"""Structural similarity of restored images (Wang et al. 2004), its mean over images."""

from __future__ import annotations

from mlzoo.statistics.fields import RestorationSums
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers per pixel",)
DIRECTION = "max"
BOUNDS = (-1.0, 1.0)
TITLE = "SSIM"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over images; None of fields in other units."""
    return predictions.mean_similarity() if isinstance(predictions, RestorationSums) else None
