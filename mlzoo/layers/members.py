"""Layers that make one model of several: the members' outputs together, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

SMALLEST = 1e-7
"""Probabilities are at least this before their logarithm is taken."""


@keras.saving.register_keras_serializable(package="mlzoo")
class Members(keras.layers.Layer):
    """Outputs of K models, each (batch, ...), as (batch, K, ...)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, outputs: Sequence[Any]) -> Any:
        """Stack the outputs along a new second axis."""
        return ops.stack(list(outputs), axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, K, ...)."""
        first = input_shape[0]
        return (first[0], len(input_shape), *first[1:])


@keras.saving.register_keras_serializable(package="mlzoo")
class MemberMean(keras.layers.Layer):
    """Mean over members (batch, K, ...) of numbers, or the logits of mean probabilities.

    Args:
        head: `linear`: the mean itself; `softmax`: its logarithm; `sigmoid`: its log odds.
    """

    def __init__(self, head: str = "linear", **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.head = head

    def call(self, outputs: Any) -> Any:
        """Return (batch, ...)."""
        mean = ops.mean(outputs, axis=1)
        if self.head == "linear":
            return mean
        if self.head == "softmax":
            return ops.log(ops.maximum(mean, SMALLEST))
        mean = ops.clip(mean, SMALLEST, 1 - SMALLEST)
        return ops.log(mean) - ops.log(1 - mean)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, ...)."""
        return (input_shape[0], *input_shape[2:])

    def get_config(self) -> dict[str, Any]:
        """Return the argument."""
        return {**super().get_config(), "head": self.head}
