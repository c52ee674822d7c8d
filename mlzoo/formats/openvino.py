"""OpenVINO's intermediate representation (.xml and .bin), for Intel's CPUs and GPUs."""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings
from mlzoo.formats._contract import Predict, SampleShape

if TYPE_CHECKING:
    import keras
    import numpy as np

NEEDS: tuple[tuple[str, str], ...] = (("openvino", "openvino"), ("tf2onnx", "tf2onnx"))


class Config(Settings):
    """It has no settings."""


def write(
    config: Config,
    model: keras.Model,
    folder: Path,
    sample_shape: SampleShape,
    calibration: list[np.ndarray],
) -> Path:
    """Convert the model's graph.

    The converter of TensorFlow's graphs knows no recurrent layers, that of ONNX has operations for
    them: models with such layers go through ONNX.

    Args:
        config: settings of the format.
        model: the model to export.
        folder: where the files go.
        sample_shape: the shape of one sample, for fixed sizes.
        calibration: batches (n, *shape) that int8 ranges come from; empty without int8.
    """
    import keras

    from mlzoo.formats._graphs import traced

    openvino = _openvino()
    path = folder / "model.xml"
    kinds = keras.layers.RNN | keras.layers.Bidirectional
    if any(isinstance(layer, kinds) for layer in model._flatten_layers()):
        converted = _through_onnx(model)
    else:
        converted = openvino.convert_model(traced(model, (None, *model.input_shape[1:])))
    port = converted.inputs[0]
    port.get_node().set_friendly_name("input")
    port.tensor.set_names({"input"})
    openvino.save_model(converted, path, compress_to_fp16=False)
    return path


def _through_onnx(model: keras.Model) -> Any:
    """Return OpenVINO's model of a model's ONNX graph."""
    import onnx

    from mlzoo.formats._graphs import signature
    from mlzoo.formats._loops import separated

    with tempfile.TemporaryDirectory(prefix="mlzoo-") as scratch:
        path = Path(scratch) / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            model.export(path, format="onnx", verbose=False, input_signature=signature(model))
        onnx.save(separated(onnx.load(path)), path)
        return _openvino().convert_model(str(path))


def open_written(path: Path) -> Predict:
    """Predict with the files that were written, in float32 on the CPU."""
    openvino = _openvino()
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(path), "CPU", exact)

    def predict(x: np.ndarray) -> np.ndarray:
        outputs: np.ndarray = compiled(x)[0]
        return outputs

    return predict


def _openvino() -> Any:
    """Import OpenVINO with its telemetry off: it reports each import unless the user opted out."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
