"""Facts of a model that are known before it is called: input type, padding, sizes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mlzoo.core.errors import UsageError
from mlzoo.introspection import graphs


def check(model: keras.Model) -> None:
    """Raise UsageError for a model that can't be opened.

    Raises:
        UsageError: Keras runs on another backend, or the model has several inputs or outputs.
    """
    if keras.backend.backend() != "tensorflow":
        raise UsageError(
            f"explanations run on TensorFlow, but Keras runs on {keras.backend.backend()}; unset "
            "KERAS_BACKEND: a model trained on another backend is explained all the same"
        )
    for side in ("inputs", "outputs"):
        try:
            tensors = getattr(model, side, None)
        except (AttributeError, ValueError):  # subclassed models have none
            tensors = None
        if tensors is not None and len(tensors) != 1:
            raise UsageError(f"the model has {len(tensors)} {side}; one is what can be explained")


def dtype_of(model: keras.Model, x: np.ndarray) -> Any:
    """Return the type of a model's input, or the array's own if the model does not say."""
    try:
        return tf.as_dtype(model.inputs[0].dtype)
    except (AttributeError, TypeError, IndexError, ValueError):
        return tf.as_dtype(x.dtype if x.dtype.kind in "iu" else np.float32)


def numbers(shape: Any, inputs: tuple[int, ...]) -> int:
    """Return how many numbers a tensor holds per sample; open sides count as the input's."""
    sides = shape.as_list()[1:] if shape.rank else []
    known = [
        side if side is not None else inputs[min(i, len(inputs) - 1)]
        for i, side in enumerate(sides)
    ]
    return int(np.prod(known)) if known else 1


def padded(model: keras.Model, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the height and width that a model's maps cover, if it pads images to a multiple."""
    multiples = [
        la.multiple for la in graphs.all_layers(model) if type(la).__name__ == "PadToMultiple"
    ]
    multiple = max(multiples, default=1)
    return tuple(-(-side // multiple) * multiple for side in size)
