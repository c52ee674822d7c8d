"""Probabilities of ordered classes from one score."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class CumulativeProbabilities(keras.layers.Layer):
    """Probabilities of ordered classes from one score, by trained cut points.

    P(y <= k) = sigmoid(cut_k - score), and a class has the difference of two neighbors: the
    proportional-odds model (McCullagh, Regression Models for Ordinal Data, 1980). The cut points
    are a first one plus sums of positive gaps, softplus(w), so they stay in order; they start
    where all classes are equally likely at a score of 0.

    Input: (batch, 1). Output: (batch, classes), rows that sum to 1.

    Args:
        classes: how many, at least 2.
    """

    def __init__(self, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if classes < 2:
            raise ValueError(f"ordered classes are at least 2, got {classes}")
        self.classes = classes

    def build(self, input_shape: Any) -> None:
        """Make the cut points."""
        shares = np.arange(1, self.classes) / self.classes
        cuts = np.log(shares / (1 - shares))
        gaps = np.log(np.expm1(np.diff(cuts)))  # softplus of these are the differences
        self.first = self.add_weight(
            name="first", shape=(1,), initializer=keras.initializers.Constant(float(cuts[0]))
        )
        self.gaps = self.add_weight(
            name="gaps", shape=(self.classes - 2,), initializer=_Values(gaps.tolist())
        )

    def call(self, score: Any) -> Any:
        """Return the probabilities."""
        steps = ops.cumsum(ops.softplus(self.gaps))
        cuts = ops.concatenate([self.first, self.first + steps])
        below = ops.sigmoid(cuts[None] - score)
        upper = ops.ones_like(score)
        return ops.concatenate([below, upper], axis=1) - ops.concatenate(
            [ops.zeros_like(score), below], axis=1
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, classes)."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "classes": self.classes}


@keras.saving.register_keras_serializable(package="mlzoo")
class _Values(keras.initializers.Initializer):
    """Initializer that returns given values."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.convert_to_tensor(np.reshape(self.values, shape), dtype or "float32")

    def get_config(self) -> dict[str, object]:
        return {"values": self.values}
