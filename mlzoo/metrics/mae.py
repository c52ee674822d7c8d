"""Mean absolute error over all values; of ordered classes in classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Predictions, Scorer

TARGETS = ("numbers", "ordered per sample", "inputs per sample")
DIRECTION = "min"
BOUNDS = (0.0, None)
TITLE = "MAE"


def score(predictions: Predictions) -> Scorer:
    """Return the metric as a function of weights over samples."""
    return predictions.mean_error(np.abs)


def build(outputs: Any, mixed: bool = False) -> Any:
    """Return the Keras metric; None for ordered classes and for samples that are their target."""
    import keras

    from mlzoo.metrics._followed import as_metric, field_mae

    if outputs.target.values != "numbers":
        return None
    if outputs.target.per != "sample":
        return as_metric(field_mae, "mae")
    return keras.metrics.MeanAbsoluteError(name="mae")
