"""Weights of layers from an .npz file, by the names of the layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.messages import few

if TYPE_CHECKING:
    import keras


def load_named(model: keras.Model, path: str | Path, open_ended: tuple[str, ...] = ()) -> None:
    """Set weights of a model from arrays named `LAYER/kernel`, `LAYER/bias` and the like.

    Layers that the file does not name stay as they were drawn.

    Args:
        model: its weights are changed.
        path: the .npz file.
        open_ended: layers that are left as drawn where the shapes differ, such as a head for
            other classes.

    Raises:
        UsageError: there is no such file, or it is no .npz.
        DataError: it names no layer of the model, or an array of another shape.
    """
    from mlzoo.data.arrays import open_archive

    file = expand(path)
    if not file.is_file():
        raise UsageError(f"weights: there is no file {path}")
    if file.suffix != ".npz":
        raise UsageError(f"weights: {path} must be an .npz file of arrays such as conv1/kernel")
    arrays = open_archive(file)
    named = {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }
    unknown = [name for name in arrays if name not in named]
    if unknown:
        raise DataError(f"{path}: {few(unknown)} not in {model.name}, which has {few(list(named))}")
    for name, array in arrays.items():
        variable = named[name]
        if tuple(array.shape) == tuple(variable.shape):
            variable.assign(array)
        elif name.split("/")[0] not in open_ended:
            raise DataError(
                f"{path}: {name} has shape {tuple(array.shape)}, and the layer needs "
                f"{tuple(variable.shape)}"
            )
