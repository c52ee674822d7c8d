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
from mlzoo.data.decoders.hdf5 import held_values
from mlzoo.layers.stock import foreign, in_stock_layers

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
