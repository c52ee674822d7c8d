"""Peak signal-to-noise ratio of restored images in dB, its mean over images."""

from __future__ import annotations

from mlzoo.statistics.fields import RestorationSums
from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers per pixel",)
DIRECTION = "max"
BOUNDS = (None, 100.0)
TITLE = "PSNR"


def score(predictions: Predictions) -> Scorer | None:
    """Return the metric as a function of weights over images; None of fields in other units."""
    return predictions.mean_psnr() if isinstance(predictions, RestorationSums) else None
