"""TensorFlow SavedModel with endpoints `serve` and `serving_default`, for TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings
from mlzoo.formats._contract import Predict, SampleShape

if TYPE_CHECKING:
    import keras
    import numpy as np

NEEDS: tuple[tuple[str, str], ...] = (("tensorflow", "tensorflow"),)


class Config(Settings):
    """It has no settings."""


def write(
    config: Config,
    model: keras.Model,
    folder: Path,
    sample_shape: SampleShape,
    calibration: list[np.ndarray],
) -> Path:
    """Save the model's graph, for batches and sides of any size that the model takes.

    Args:
        config: settings of the format.
        model: the model to export.
        folder: where the files go.
        sample_shape: the shape of one sample, for fixed sizes.
        calibration: batches (n, *shape) that int8 ranges come from; empty without int8.
    """
    from mlzoo.formats._graphs import signature

    path = folder / "model"
    spec = signature(model)
    model.export(path, format="tf_saved_model", verbose=False, input_signature=spec)
    return path


def open_written(path: Path) -> Predict:
    """Predict with the folder that was written."""
    import tensorflow as tf

    loaded = tf.saved_model.load(path)

    def predict(x: Any) -> np.ndarray:
        fed = dict(x) if isinstance(x, Mapping) else tf.constant(x)
        outputs: np.ndarray = loaded.serve(fed).numpy()
        return outputs

    return predict
