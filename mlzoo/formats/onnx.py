"""ONNX, for onnxruntime and most other runtimes, in any language."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings
from mlzoo.formats._contract import Predict, SampleShape

if TYPE_CHECKING:
    import keras
    import numpy as np

NEEDS: tuple[tuple[str, str], ...] = (
    ("tf2onnx", "tf2onnx"),
    ("onnx", "onnx"),
    ("onnxruntime", "onnxruntime"),
)


class Config(Settings):
    """Size of the images that go in."""

    resize: bool = False
    """Take 8-bit images of any size, and resize them in the graph as those of training were."""


def write(
    config: Config,
    model: keras.Model,
    folder: Path,
    sample_shape: SampleShape,
    calibration: list[np.ndarray],
) -> Path:
    """Convert the model's graph, for batches and sides of any size that the model takes.

    Args:
        config: settings of the format.
        model: the model to export.
        folder: where the files go.
        sample_shape: the shape of one sample, for fixed sizes.
        calibration: batches (n, *shape) that int8 ranges come from; empty without int8.
    """
    from mlzoo.formats._graphs import depthwise_as_such, signature

    _teach()
    path = folder / "model.onnx"
    with warnings.catch_warnings(), depthwise_as_such(model):
        warnings.simplefilter("ignore", FutureWarning)
        if config.resize:
            _write_resizing(model, path, sample_shape.fixed)
        else:
            model.export(path, format="onnx", verbose=False, input_signature=signature(model))
            if len(model.inputs) == 1:
                _fold_constants(model, path, (None, *model.input_shape[1:]), model.inputs[0].dtype)
    return path


def _fold_constants(
    model: keras.Model, path: Path, shape: tuple[int | None, ...], dtype: str
) -> None:
    """Write a file again whose graph asks for constants of the model as if they were inputs.

    tf2onnx does so with what functions within the model take from around them, as the scaling of
    ConvNeXt and positions of KerasHub's ViT; of a graph that is frozen it knows one input alone.
    """
    import onnx
    import tensorflow as tf
    import tf2onnx

    from mlzoo.formats._graphs import frozen

    graph = onnx.load(path).graph
    if len(graph.input) == 1:
        return
    name, function = graph.output[0].name, frozen(model, shape, dtype)
    spec = tf.TensorSpec(shape, dtype, name="input")

    @tf.function(input_signature=[spec])
    def whole(input: Any) -> Any:
        return {name: function(input)[0]}

    tf2onnx.convert.from_function(whole, [spec], output_path=path)


def _write_resizing(model: keras.Model, path: Path, shape: tuple[int, ...]) -> None:
    """Convert the model's graph behind one that resizes images to `shape`."""
    import keras
    import numpy as np

    from mlzoo.formats._resizing import resizing

    height, width, channels = shape
    whole = resizing(model, height, width)
    whole(np.zeros((1, *shape), "uint8"))  # Keras exports what was called once.
    spec = keras.InputSpec("uint8", (None, None, None, channels), name="input")
    whole.export(path, format="onnx", verbose=False, input_signature=[spec])
    _fold_constants(whole, path, (None, None, None, channels), "uint8")


def annotate(path: Path, facts: Mapping[str, str]) -> None:
    """Add facts of the run to the file that was written, as its `metadata_props`."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, dict(facts))
    onnx.save(model, path)


def _teach() -> None:
    """Have tf2onnx write TensorFlow's Erfc, of the exact GELU: 1 - Erf."""
    import numpy as np
    from tf2onnx.handler import tf_op
    from tf2onnx.utils import make_name, map_onnx_to_numpy_type

    @tf_op("Erfc")
    class Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            output = node.output[0]
            dtype = map_onnx_to_numpy_type(graph.get_dtype(output))
            one = graph.make_const(make_name("one"), np.array(1, dtype)).output[0]
            node.type = "Erf"
            graph.insert_new_node_on_output("Sub", output, inputs=[one, output])


def open_written(path: Path) -> Predict:
    """Predict with the file that was written, through onnxruntime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def predict(x: Any) -> np.ndarray:
        fed = dict(x) if isinstance(x, Mapping) else {names[0]: x}
        outputs: np.ndarray = session.run(None, fed)[0]
        return outputs

    return predict
