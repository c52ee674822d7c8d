"""A model in float64, and its layers one by one with their arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from mlzoo.introspection.graphs import shadowed

_FLOATS = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")


@dataclass(frozen=True)
class Call:
    """One call of a layer: its function, its arguments and its output.

    `behind` says whether weights that are trained stand before it, so that training needs the
    gradient that it hands back.
    """

    layer: keras.layers.Layer
    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, object]
    output: Any
    behind: bool


def in_double(model: keras.Model) -> keras.Model:
    """Return the same model, weights included, in float64; call it within `double()`.

    Layers that ask for float32 themselves (heads, scaling) get float64 as well.
    """
    copy = type(model).from_config(_widened(model.get_config()))
    copy.set_weights([np.asarray(w, _wide(w.dtype)) for w in model.get_weights()])
    return copy


def _wide(dtype: Any) -> Any:
    return "float64" if np.dtype(dtype).kind not in "iub" else dtype


def _widened(config: Any) -> Any:
    """Return a configuration with every floating dtype made float64."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": "float64"}}
        return {
            name: "float64" if "dtype" in name and value in _FLOATS else _widened(value)
            for name, value in config.items()
        }
    if isinstance(config, list | tuple):
        return type(config)(_widened(value) for value in config)
    return config


def parts(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers in order; nested models are replaced by their layers."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from parts(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def calls(model: keras.Model, x: Any, training: bool) -> tuple[Any, list[Call]]:
    """Return the model's outputs and every call of a layer in order; the model is unchanged.

    Args:
        model: left as it is.
        x: (n, *shape), inputs.
        training: run in training mode.
    """
    recorded_calls: list[Call] = []
    trained = False

    def recorded(layer: keras.layers.Layer, original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal trained
            output = original(*args, **kwargs)
            recorded_calls.append(Call(layer, original, args, kwargs, output, trained))
            trained = trained or bool(layer.trainable_variables)
            return output

        return call

    with ExitStack() as stack:
        for layer in dict.fromkeys(parts(model)):
            stack.enter_context(shadowed(layer, recorded(layer, layer.call)))
        # Within the scope, moving means and seeds stay as they are.
        with keras.StatelessScope():
            outputs = model(x, training=training)
    return outputs, recorded_calls
