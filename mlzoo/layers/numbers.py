"""Layers for the numbers of a table: clipping and embedding, one column at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


class LeadingNumbers(keras.layers.Layer):
    """Base of the layers that change the first `count` features and pass on the rest."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = int(count)

    def call(self, x: Any) -> Any:
        """Return (batch, features) with the leading numbers changed."""
        changed = self.change(x[:, : self.count])
        if self.count == x.shape[-1]:
            return changed
        return ops.concatenate([changed, x[:, self.count :]], axis=-1)

    def change(self, numbers: Any) -> Any:
        """Return what stands in place of numbers (batch, count)."""
        raise NotImplementedError

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable(package="mlzoo")
class ClipNumbers(LeadingNumbers):
    """Clip standardized numbers, so that one mistyped value can't move a prediction far.

    Args:
        count: numbers that the features (batch, features) begin with.
        limit: largest absolute value, in standard deviations.
    """

    def __init__(self, count: int, limit: float, **kwargs: Any) -> None:
        super().__init__(count, **kwargs)
        self.limit = float(limit)

    def change(self, numbers: Any) -> Any:
        """Clip numbers (batch, count)."""
        return ops.clip(numbers, -self.limit, self.limit)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable(package="mlzoo")
class PeriodicEmbedding(LeadingNumbers):
    """Periodic embedding of each number: x itself, and a linear map of cos(2 pi f x + b).

    The frequencies f, the phases b and the map are learned, a set of its own for each number
    (PBLD: Holzmüller, Grinsztajn and Steinwart 2024, "Better by default", after the PLR of
    Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features").

    Args:
        count: numbers that the features (batch, features) begin with.
        size: values that each number becomes, itself included; at least 2.
        frequencies: of each number.
        scale: standard deviation of the initial frequencies, in periods a standard deviation of
            the number.
    """

    def __init__(
        self, count: int, size: int = 4, frequencies: int = 16, scale: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(count, **kwargs)
        self.size, self.frequencies, self.scale = int(size), int(frequencies), float(scale)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        uniform = keras.initializers.RandomUniform
        limit = 1 / math.sqrt(self.frequencies)
        shape = (self.count, self.frequencies)
        normal = keras.initializers.RandomNormal(stddev=self.scale)
        self.f = self.add_weight(shape=shape, initializer=normal, name="frequencies")
        phases = uniform(-math.pi, math.pi)
        self.b = self.add_weight(shape=shape, initializer=phases, name="phases")
        self.kernel = self.add_weight(
            shape=(*shape, self.size - 1), initializer=uniform(-limit, limit), name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.count, self.size - 1), initializer=uniform(-limit, limit), name="bias"
        )

    def change(self, numbers: Any) -> Any:
        """Embed numbers (batch, count) as (batch, count * size), a number's values together."""
        x = ops.expand_dims(numbers, -1)
        waves = ops.cos(2 * math.pi * x * self.f + self.b)
        mapped = ops.einsum("bnk,nko->bno", waves, self.kernel) + self.bias
        return ops.reshape(ops.concatenate([x, mapped], axis=-1), (-1, self.count * self.size))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, features + count * (size - 1))."""
        features = input_shape[-1]
        assert features is not None
        return (input_shape[0], features + self.count * (self.size - 1))

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        own = {"size": self.size, "frequencies": self.frequencies, "scale": self.scale}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="mlzoo")
class RankNumbers(LeadingNumbers):
    """Append the rank of each number among those of the training split, centered, with deviation 1.

    Ranks are interpolated between knots. They resolve what a standardized number with a heavy tail
    does not: many values that lie close together.

    Args:
        knots: for each number increasing values, at least two.
        ranks: for each number the share of training values below each knot, from 0 to 1.
    """

    def __init__(
        self, knots: Sequence[Sequence[float]], ranks: Sequence[Sequence[float]], **kwargs: Any
    ) -> None:
        super().__init__(len(knots), **kwargs)
        self.knots = [[float(value) for value in row] for row in knots]
        self.ranks = [[float(value) for value in row] for row in ranks]
        pieces = max(len(row) for row in self.knots) - 1
        shape = (self.count, pieces)
        self._starts, self._widths, self._slopes = (np.zeros(shape, "float32") for _ in range(3))
        for index, (x, u) in enumerate(zip(self.knots, self.ranks, strict=True)):
            n = len(x) - 1
            self._starts[index, :n] = x[:-1]
            self._widths[index, :n] = np.diff(x)
            self._slopes[index, :n] = np.diff(u) / np.diff(x)
        self._first = np.array([row[0] for row in self.ranks], "float32")

    def change(self, numbers: Any) -> Any:
        """Return numbers (batch, count) and their ranks: (batch, 2 count)."""
        # Not `ops.clip`, which can't be saved with arrays as its bounds.
        over = ops.maximum(ops.expand_dims(numbers, -1) - self._starts, 0.0)
        covered = ops.minimum(over, self._widths)
        # Not a sum over the last axis: OpenVINO loses it when a constant is added.
        ranks = ops.einsum("bnk,nk->bn", covered, self._slopes) + self._first
        return ops.concatenate([numbers, (ranks - 0.5) * math.sqrt(12)], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, features + count)."""
        features = input_shape[-1]
        assert features is not None
        return (input_shape[0], features + self.count)

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        config = {**super().get_config(), "knots": self.knots, "ranks": self.ranks}
        del config["count"]
        return config
