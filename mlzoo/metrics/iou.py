"""Mean intersection over union of each image's or sequence's own classes, averaged over them."""

from __future__ import annotations

from typing import Any

from mlzoo.statistics import pixels
from mlzoo.statistics.scorers import Predictions, Scorer, weighted_mean

TARGETS = ("classes per pixel", "classes per step")
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
TITLE = "IoU of an image"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over images or sequences."""
    return weighted_mean(pixels.image_scores(predictions))


def build(outputs: Any, mixed: bool = False) -> Any:
    """Return the Keras metric."""
    from mlzoo.metrics._followed import as_metric, mean_iou

    return as_metric(mean_iou, "iou")
