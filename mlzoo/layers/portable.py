"""Model files that Keras alone can load, and mlzoo in its own layers.

A .keras file is a ZIP archive of a configuration, metadata and an HDF5 file of weights. Where a
model has layers of mlzoo, Keras finds it there rewritten into layers of Keras. `metadata.json` also
has the configuration in mlzoo's layers, and the group `mlzoo` of the weights their variables, in
order. What equals a variable of Keras' layers is a link to it, so that it is stored once.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import MlzooError
from mlzoo.data.decoders.hdf5 import held_values
from mlzoo.layers.stock_calls import is_own, stock_call

_METADATA, _WEIGHTS, _OWN = "metadata.json", "model.weights.h5", "mlzoo"


def save_model(model: keras.Model, path: Path) -> None:
    """Write a model that Keras loads without mlzoo, unless a layer has no counterpart in Keras.

    Args:
        model: Functional, not compiled.
        path: of the .keras file; what is there is replaced.
    """
    stock = _stock(model)
    if stock is None:
        model.save(path)
        return
    stock.save(path)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(contents[_METADATA])
    metadata[_OWN] = keras.saving.serialize_keras_object(model)
    contents[_METADATA] = json.dumps(metadata).encode()
    contents[_WEIGHTS] = _with_variables(contents[_WEIGHTS], model)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    files.write_bytes(path, buffer.getvalue())


def read_own_layers(path: Path) -> keras.Model | None:
    """Return the model of a file of `save_model` in mlzoo's layers; None: it is of Keras' alone.

    Raises:
        ValueError: the variables are not those of the layers; or as Keras raises it.
        DataError: variables lie in another file.
    """
    import h5py

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        metadata = json.loads(archive.read(_METADATA)) if _METADATA in names else {}
        if _OWN not in metadata:
            return None
        weights = io.BytesIO(archive.read(_WEIGHTS))
    model = keras.saving.deserialize_keras_object(metadata[_OWN], safe_mode=True)
    shapes = [tuple(variable.shape) for variable in model.variables]
    with h5py.File(weights, "r") as file:
        values = held_values(path, file)
        held = [values.get(f"{_OWN}/{number}") for number in range(len(shapes))]
        for variable, shape, value in zip(model.variables, shapes, held, strict=True):
            if value is None or value.shape != shape:
                raise ValueError("its variables are not those of its layers")
            variable.assign(value[()])
    return model


def _stock(model: keras.Model) -> keras.Model | None:
    """Return a model in layers of Keras; None where it has no others, or one can't be expressed.

    Layers of others may fail in any way when they are copied: no reason to lose a training.
    """
    if not foreign(model):
        return None
    try:
        with _untouched_random_state():
            return in_stock_layers(model)
    except Exception:
        return None


@contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Put Python's random state back, of which Keras draws the seeds of new layers."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def _with_variables(weights: bytes, model: keras.Model) -> bytes:
    """Return an HDF5 file with a model's variables in the group `mlzoo`, equal ones as links."""
    import h5py

    buffer = io.BytesIO(weights)
    with h5py.File(buffer, "r+") as file:
        known: dict[object, Any] = {}

        def note(_: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                known.setdefault(_key(item[()]), item)

        file.visititems(note)
        group = file.create_group(_OWN)
        for number, variable in enumerate(model.variables):
            value = keras.ops.convert_to_numpy(variable)
            group[str(number)] = known.get(_key(value), value)
    return buffer.getvalue()


def _key(value: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    array = np.ascontiguousarray(value)
    return str(array.dtype), value.shape, hashlib.sha256(array.tobytes()).digest()


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
