"""A model of several inputs as one of a single input: the others stay as they are.

A sample's inputs travel as one row of numbers, which the first layer takes apart. What is explained
is that layer's output, so the other inputs are what they are for each sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.registry import unknown


@keras.saving.register_keras_serializable(package="mlzoo")
class InputPart(keras.layers.Layer):
    """One input out of a row (batch, numbers) that holds several.

    Args:
        start: position of its first number.
        shape: of the input, without the batch.
        kind: its type.
    """

    def __init__(self, start: int, shape: tuple[int, ...], kind: str, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.start, self.shape, self.kind = start, tuple(shape), kind

    def call(self, x: Any) -> Any:
        """Return the input (batch, *shape)."""
        part = x[:, self.start : self.start + int(np.prod(self.shape))]
        return keras.ops.cast(keras.ops.reshape(part, (-1, *self.shape)), self.kind)


class OneInput(keras.Model):
    """A Functional model of several inputs, called with rows that hold all of them.

    Args:
        model: left as it is.
        explained: position of the input that is explained, whose layer is called first.
    """

    def __init__(self, model: keras.Model, explained: int) -> None:
        super().__init__()
        self.inner, self.explained = model, explained
        self.parts, start = [], 0
        for tensor in model.inputs:
            shape = tuple(tensor.shape[1:])
            part = InputPart(start, shape, tensor.dtype, name=f"input_{_name(tensor)}")
            self.parts.append(part)
            start += int(np.prod(shape))

    def call(self, rows: Any, training: bool = False) -> Any:
        """Return the model's outputs for rows (batch, numbers)."""
        first = self.parts[self.explained](rows)
        inputs = [first if i == self.explained else part(rows) for i, part in enumerate(self.parts)]
        return self.inner(keras.tree.pack_sequence_as(self.inner.input, inputs), training=training)


@dataclass(frozen=True)
class Several:
    """Mapping between rows and the arrays of several inputs.

    Attributes:
        model: the model as one of a single input.
        names: of the inputs.
        explained: the one that is explained.
    """

    model: OneInput
    names: tuple[str, ...]
    explained: str

    @property
    def part(self) -> InputPart:
        """Return the layer that extracts the explained input."""
        return self.model.parts[self.model.explained]

    def shown(self, row: np.ndarray) -> np.ndarray:
        """Return the explained input of a row (numbers,)."""
        flat = row[self.part.start : self.part.start + int(np.prod(self.part.shape))]
        return flat.reshape(self.part.shape)

    def rows(self, arrays: dict[str, np.ndarray], where: Path) -> np.ndarray:
        """Return rows (n, numbers) of arrays by the inputs' names.

        Raises:
            DataError: one is missing, or has another shape or number of samples.
        """
        missing = [name for name in self.names if name not in arrays]
        if missing:
            raise DataError(
                f"{where} lacks {', '.join(missing)}: name its arrays as the model's inputs, "
                f"{', '.join(self.names)}"
            )
        counts = {name: len(arrays[name]) for name in self.names}
        count = counts[self.names[0]]
        if len(set(counts.values())) > 1:
            raise DataError(f"{where} holds different numbers of samples: {counts}")
        flat = []
        for name, part in zip(self.names, self.model.parts, strict=True):
            if arrays[name].shape != (count, *part.shape):
                raise DataError(
                    f"{where}: {name} has shape {arrays[name].shape}, the model takes "
                    f"({count}, {', '.join(map(str, part.shape))})"
                )
            flat.append(arrays[name].reshape(count, -1).astype("float32"))
        return np.concatenate(flat, axis=1)


def as_one(model: keras.Model, wanted: str | None) -> Several:
    """Wrap a model of several inputs, of which one is explained: by default the first image.

    Raises:
        UsageError: there is no such input, or sides of any length.
    """
    names = [_name(tensor) for tensor in model.inputs]
    if any(None in tensor.shape[1:] for tensor in model.inputs):
        raise UsageError(
            "of several inputs only such with sides of a fixed length can be explained; the model "
            f"takes {', '.join(str(tuple(tensor.shape)) for tensor in model.inputs)}"
        )
    if wanted is not None and wanted not in names:
        raise UsageError(f"--input: {unknown('input', wanted, names)}; there are {names}")
    images = [i for i, tensor in enumerate(model.inputs) if len(tensor.shape) == 4]
    explained = names.index(wanted) if wanted is not None else (images or [0])[0]
    return Several(OneInput(model, explained), tuple(names), names[explained])


def _name(tensor: Any) -> str:
    return str(tensor.name)
