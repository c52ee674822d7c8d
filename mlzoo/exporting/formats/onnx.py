"""ONNX, for onnxruntime and most other runtimes, in any language."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.configs import Settings
from mlzoo.exporting.contract import Form, Predict

if TYPE_CHECKING:
    import keras
    import numpy as np

NEEDS: tuple[tuple[str, str], ...] = (
    ("tf2onnx", "tf2onnx"),
    ("onnx", "onnx"),
    ("onnxruntime", "onnxruntime"),
)


class Config(Settings):
    """It has no settings."""


def write(
    config: Config, model: keras.Model, folder: Path, form: Form, calibration: list[np.ndarray]
) -> Path:
    """Convert the model's graph, for batches and sides of any size that the model takes."""
    from mlzoo.exporting.graphs import signature

    path = folder / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format="onnx", verbose=False, input_signature=signature(model))
    return path


def open_written(path: Path) -> Predict:
    """Predict with the file that was written, through onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def predict(x: np.ndarray) -> np.ndarray:
        found: np.ndarray = session.run(None, {name: x})[0]
        return found

    return predict
