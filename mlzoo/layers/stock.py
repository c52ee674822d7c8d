"""A model rewritten into Keras' own layers and operations, which loads without mlzoo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from mlzoo.core.errors import MlzooError
from mlzoo.layers.stock_calls import is_own, stock_call

_PACKAGES = ("keras", "keras_hub", "builtins")
"""Packages whose objects a portable file may name."""


def in_stock_layers(model: keras.Model) -> keras.Model:
    """Return a copy of a Functional model for inference, without layers of mlzoo.

    Layers of Keras are copied with their weights; a layer of mlzoo becomes the operations that it
    consists of, layers of Keras where it has weights, and an identity that bears its name.

    Args:
        model: of one or several inputs; it is not changed.

    Raises:
        MlzooError: a layer is of neither Keras nor mlzoo; it is named.
    """
    copies: dict[int, tuple[keras.layers.Layer, keras.layers.Layer]] = {}

    def copied(operation: Any) -> Any:
        if not isinstance(operation, keras.layers.Layer) or is_own(operation):
            return operation
        if id(operation) not in copies:
            copies[id(operation)] = (operation, _copy(operation))
        return copies[id(operation)][1]

    def called(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_own(operation):
            return operation(*args, **kwargs)
        result = stock_call(operation, *args, **kwargs)
        return _named(result, operation.name, keras.tree.flatten((args, kwargs)))

    stock = keras.models.clone_model(
        model, clone_function=copied, call_function=called, recursive=False
    )
    for layer, copy in copies.values():
        if not isinstance(layer, keras.Model):  # its copy has weights already
            copy.set_weights(layer.get_weights())
    names = foreign(stock)
    if names:
        raise MlzooError(f"{' and '.join(names)} can't be expressed in layers of Keras")
    return stock


def foreign(model: keras.Model) -> list[str]:
    """Return names of the classes and functions in a model that other packages must define."""
    return sorted(set(_foreign(keras.saving.serialize_keras_object(model))))


def _foreign(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        module = config.get("module")
        if isinstance(config.get("class_name"), str) and "config" in config:
            registered = config.get("registered_name") or ""
            owner = module or registered.partition(">")[0] * (">" in registered)
            if owner and owner.partition(".")[0] not in _PACKAGES:
                yield str(config["config"] if module == "builtins" else config["class_name"])
        for value in config.values():
            yield from _foreign(value)
    elif isinstance(config, list | tuple):
        for value in config:
            yield from _foreign(value)


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a layer of the same settings, without weights yet; of a model a rewritten copy."""
    if isinstance(layer, keras.Model) and hasattr(layer, "_nodes"):
        return in_stock_layers(layer)
    return type(layer).from_config(_without_beginnings(layer.get_config()))


def _without_beginnings(config: Any) -> Any:
    """Return a configuration in which what only training needs is Keras' default.

    Initializers, penalties and constraints of mlzoo have no effect on the weights that are set.
    """
    if not isinstance(config, dict):
        return config
    kept: dict[str, object] = {}
    for key, value in config.items():
        ours = isinstance(value, dict) and str(value.get("module", "")).startswith("mlzoo")
        ours = ours or (isinstance(value, dict) and "mlzoo>" in str(value.get("registered_name")))
        if ours and key.endswith("initializer"):
            kept[key] = "zeros"
        elif ours and key.endswith(("regularizer", "constraint")):
            kept[key] = None
        else:
            kept[key] = _without_beginnings(value)
    return kept


def _named(result: Any, name: str, given: list[Any]) -> Any:
    """Return what a layer gives under its name, so that it is found in the rewritten model.

    Args:
        result: what its operations give; their names begin with the layer's from now on, because
            Keras' own could be names of other layers.
        name: of the layer.
        given: what the layer got.
    """
    _rename(result, f"{name}_", {id(each) for each in given})
    if not isinstance(result, keras.KerasTensor):
        return result
    return keras.layers.Identity(dtype=result.dtype, name=name)(result)


def _rename(result: Any, prefix: str, seen: set[int]) -> None:
    """Rename the operations that make a result from the tensors in `seen`, by their identity."""
    left = keras.tree.flatten(result)
    while left:
        tensor = left.pop()
        if not isinstance(tensor, keras.KerasTensor) or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node, _ = tensor._keras_history
        if not operation.name.startswith(prefix):
            operation.name = prefix + operation.name
        left += operation._inbound_nodes[node].input_tensors
