"""ONNX, for onnxruntime and most other runtimes, in any language."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings
from mlzoo.formats._contract import Form, Predict

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
    from mlzoo.formats._graphs import signature

    _teach()
    path = folder / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format="onnx", verbose=False, input_signature=signature(model))
    return path


def _teach() -> None:
    """Have tf2onnx write TensorFlow's Erfc, of the exact GELU: 1 - Erf."""
    import numpy as np
    from tf2onnx.handler import tf_op
    from tf2onnx.utils import make_name, map_onnx_to_numpy_type

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            found = node.output[0]
            dtype = map_onnx_to_numpy_type(graph.get_dtype(found))
            one = graph.make_const(make_name("one"), np.array(1, dtype)).output[0]
            node.type = "Erf"
            graph.insert_new_node_on_output("Sub", found, inputs=[one, found])


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
