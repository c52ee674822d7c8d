"""Share of what is predicted whose class is right."""

from __future__ import annotations

from typing import Any

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("classes",)
DIRECTION = "max"
BOUNDS = (0.0, 1.0)
BINOMIAL = True


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.mean(predictions.right.sum(axis=1))


def build(outputs: Any, mixed: bool = False) -> Any:
    """Return the Keras metric; of pixels and steps the mean over images and sequences."""
    import keras

    from mlzoo.losses._classes import class_accuracy
    from mlzoo.metrics._followed import as_metric, pixel_accuracy

    if outputs.target.per != "sample":
        return as_metric(pixel_accuracy, "accuracy")
    if mixed:
        return as_metric(class_accuracy, "accuracy")
    if outputs.units == 1:
        return keras.metrics.BinaryAccuracy(name="accuracy")
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
