"""LiteRT (TensorFlow Lite), for phones and small boards; in float32, or int8 from real samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings
from mlzoo.formats._contract import Predict, SampleShape

if TYPE_CHECKING:
    import keras
    import numpy as np

NEEDS: tuple[tuple[str, str], ...] = (("tensorflow", "tensorflow"),)
FIXED = True
"""Its files take one sample of one size: graphs of open sizes hold operations that it lacks."""


class Config(Settings):
    """Settings of the LiteRT format."""

    int8: bool = False
    """Weights and features as 8-bit integers, their ranges seen on samples of the training split;
    inputs and outputs stay float32 or what the model takes."""


def write(
    config: Config,
    model: keras.Model,
    folder: Path,
    sample_shape: SampleShape,
    calibration: list[np.ndarray],
) -> Path:
    """Convert the model's graph for one sample of the shape `sample_shape`.

    Args:
        config: settings of the format.
        model: the model to export.
        folder: where the files go.
        sample_shape: the shape of one sample, for fixed sizes.
        calibration: batches (n, *shape) that int8 ranges come from; empty without int8.
    """
    import tensorflow as tf

    from mlzoo.formats._graphs import frozen

    path = folder / "model.tflite"
    function = frozen(model, (1, *sample_shape.fixed))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if config.int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]

        def seen() -> Iterator[list[Any]]:
            for batch in calibration:
                for row in batch:
                    yield [row[None]]

        converter.representative_dataset = seen
    path.write_bytes(converter.convert())
    return path


def open_written(path: Path) -> Predict:
    """Predict with the file that was written, a sample at a time."""
    import numpy as np

    interpreter = _interpreter()(model_path=str(path))
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def predict(x: np.ndarray) -> np.ndarray:
        outputs = []
        for row in x:
            interpreter.set_tensor(source, row[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(target)[0])
        return np.stack(outputs)

    return predict


def _interpreter() -> Any:
    """Return LiteRT's own interpreter if it is installed, else TensorFlow's."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import warnings

        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tf.lite.Interpreter
    return Interpreter
