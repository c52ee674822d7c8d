"""Adapters between a user's compiled network and our targets and outputs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class SecondClass(keras.layers.Layer):
    """The second of two probabilities: (batch, 2) to (batch, 1)."""

    def call(self, inputs: Any) -> Any:
        """Return the last entry of each row."""
        return inputs[:, 1:]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, 1)."""
        return (input_shape[0], 1)


class OneHotTargets(keras.Loss):
    """Loss on one-hot targets that accepts class positions.

    Args:
        inner: the loss, an object or a function of targets and outputs (batch, classes).
        classes: number of classes.
    """

    def __init__(self, inner: Any, classes: int) -> None:
        known = isinstance(inner, keras.Loss)
        settings = {"reduction": inner.reduction, "dtype": inner.dtype} if known else {}
        super().__init__(name="loss", **settings)
        self._each = inner.call if known else inner
        self._classes = classes

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the inner loss of each sample, for positions y_true (batch,) or (batch, 1)."""
        positions = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        return self._each(ops.one_hot(positions, self._classes), y_pred)
