"""A Keras file of Keras' own layers and operations, for Python with Keras alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings
from mlzoo.formats._contract import Predict, SampleShape

if TYPE_CHECKING:
    import keras
    import numpy as np

NEEDS: tuple[tuple[str, str], ...] = ()


class Config(Settings):
    """It has no settings."""


def write(
    config: Config,
    model: keras.Model,
    folder: Path,
    sample_shape: SampleShape,
    calibration: list[np.ndarray],
) -> Path:
    """Save the model for inference without layers of mlzoo, any size and batch as it takes them.

    Args:
        config: settings of the format.
        model: the model to export.
        folder: where the files go.
        sample_shape: the shape of one sample, for fixed sizes.
        calibration: batches (n, *shape) that int8 ranges come from; empty without int8.

    Raises:
        MlzooError: layers of other packages, which are named.
    """
    from mlzoo.layers.portable import in_stock_layers

    path = folder / "model.keras"
    in_stock_layers(model).save(path)
    return path


def open_written(path: Path) -> Predict:
    """Predict with the file that was written."""
    import keras

    from mlzoo.formats._graphs import single

    model = single(keras.models.load_model(path, compile=False, safe_mode=True))
    # Compiled: hundreds of recurrent steps, called one by one, take minutes.
    return model.predict_on_batch
