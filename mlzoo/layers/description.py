"""Description of a model plug-in: its settings, layers and sizes for a given input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from mlzoo.core import registry
from mlzoo.core.settings import setting_table
from mlzoo.data.contracts import task
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.networks import build_network


def describe(
    name: str, shape: tuple[int, ...], classes: int, settings: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Describe a model as it is built for samples of a shape; everything in it is JSON-able.

    Args:
        name: the plug-in, or the path of one.
        shape: shape of one sample, (height, width, channels), (steps, channels) or (columns,).
        classes: number of classes, at least 2; for models of fields, the number of fields; for
            models of forecasts, of steps ahead.
        settings: values for its `Config`; the others have their defaults.

    Returns:
        `model`, `input`, `classes`, `settings` (name, type, default, help, range, value),
        `layers` (name, type, output shape, parameters), and the counts `parameters` and
        `trainable`.

    Raises:
        UsageError: the model can't be built for that shape.
        pydantic.ValidationError: a setting is unknown or has a wrong value.
    """
    plugin = registry.load("model", name)
    config = plugin.Config(**(settings or {}))
    kind = {1: "table", 2: "sequence", 3: "image"}.get(len(shape), "array")
    of = task(registry.usual_task(name))
    outputs = Outputs(of.name, of.units(classes))
    if of.target.ahead:
        outputs = Outputs(of.name, 1, horizon=classes, channels=(0,))
    if of.target.translated:
        outputs = Outputs(of.name, of.units(classes), shape=tuple(shape[:1]))
    if of.target.is_input:
        outputs = Outputs(of.name, shape[-1], shape=tuple(shape))
    built = config
    if "weights" in plugin.Config.model_fields:  # the number of parameters does not depend on them
        built = config.model_copy(update={"weights": "none"})
    model = build_network(plugin, built, Inputs(tuple(shape), kind, fixed=True), outputs)
    return {
        "model": name,
        "input": list(shape),
        "classes": classes,
        "settings": setting_table(str(plugin.__file__), config),
        "layers": [_layer(layer) for layer in model.layers],
        "parameters": model.count_params(),
        "trainable": sum(_size(w) for w in model.trainable_variables),
    }


def code_size(model: keras.Model) -> int:
    """Return how many numbers the layer `code` of a model has; 0 where there is none.

    In an ensemble it is that of its first member.
    """
    for layer in model.layers:
        if layer.name == "code":
            return math.prod(layer.output.shape[1:])
        if hasattr(layer, "layers") and (size := code_size(layer)):
            return size
    return 0


def layer_graph(model: keras.Model) -> list[dict[str, object]]:
    """Return the layers of a Functional model in order, JSON-able.

    Returns:
        For each layer `name`, `type`, `output` (its shape, None for a variable side), `parameters`
        and `inputs`, the names of the layers before it.
    """
    operations = {operation.name: operation for operation in model.operations}
    layers = []
    for entry in model.get_config()["layers"]:
        operation = operations[entry["config"]["name"]]
        counts = operation.count_params() if isinstance(operation, keras.layers.Layer) else 0
        output = operation.output
        first = output[0] if isinstance(output, list | tuple) else output
        layers.append(
            {
                "name": operation.name,
                "type": entry["class_name"],
                "output": [None if side is None else int(side) for side in first.shape],
                "parameters": counts,
                "inputs": list(dict.fromkeys(_feeding(entry["inbound_nodes"]))),
            }
        )
    return layers


def _feeding(node: Any) -> Iterator[str]:
    """Yield the names of layers in a layer's serialized call, however deeply nested."""
    if isinstance(node, dict):
        history = node.get("keras_history")
        if history is not None:
            yield history[0]
        node = list(node.values())
    if isinstance(node, list | tuple):
        for each in node:
            yield from _feeding(each)


def _layer(layer: keras.layers.Layer) -> dict[str, object]:
    output = layer.output
    first = output[0] if isinstance(output, list | tuple) else output
    return {
        "name": layer.name,
        "type": type(layer).__name__,
        "output": [None if d is None else int(d) for d in first.shape],
        "parameters": layer.count_params(),
    }


def _size(variable: Any) -> int:
    size = 1
    for side in variable.shape:
        size *= side
    return size
