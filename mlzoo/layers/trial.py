"""The layer that has conditions hold by construction, and that of numbers that are fitted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.core.expressions import FUNCTIONS, Node, evaluate
from mlzoo.layers.derivatives.interface import functions

_KINDS = ("number", "variable", "function", "+", "-", "*", "/", "^")


def as_lists(node: Node) -> list[Any]:
    """Return an expression as nested lists [kind, name, value, parts], which a file can hold."""
    return [node.kind, node.name, node.value, [as_lists(part) for part in node.parts]]


def from_lists(lists: Sequence[Any]) -> Node:
    """Return the expression of nested lists.

    Raises:
        ValueError: they are none; a file may hold anything.
    """
    kind, name, value, parts = lists
    if kind not in _KINDS or (kind == "function" and name not in FUNCTIONS):
        raise ValueError(f"no part of an expression: {kind!r} {name!r}")
    return Node(str(kind), tuple(from_lists(part) for part in parts), str(name), float(value))


@keras.saving.register_keras_serializable(package="mlzoo")
class TrialLayer(keras.layers.Layer):
    """g + d N, of points and the outputs N of a network, so that conditions hold.

    Args:
        names: of the columns of the points.
        parameters: numbers that the expressions name.
        extensions: g of each output, as nested lists.
        factors: d of each output.
    """

    def __init__(
        self,
        names: Sequence[str],
        parameters: Mapping[str, float],
        extensions: Sequence[Sequence[Any]],
        factors: Sequence[Sequence[Any]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.names = list(names)
        self.parameters = dict(parameters)
        self.extensions, self.factors = list(extensions), list(factors)
        self._pairs = [
            (from_lists(g), from_lists(d)) for g, d in zip(extensions, factors, strict=True)
        ]

    def call(self, points: Any, outputs: Any) -> Any:
        """Return (batch, outputs), of points (batch, coordinates) and outputs of that shape."""
        columns = {name: points[:, place] for place, name in enumerate(self.names)}
        values, xp = {**columns, **self.parameters}, functions(points)
        results = []
        for place, (extension, factor) in enumerate(self._pairs):
            given, scale = evaluate(extension, values, xp), evaluate(factor, values, xp)
            results.append(given + scale * outputs[:, place])
        return ops.stack(results, axis=-1)

    def compute_output_shape(
        self, points_shape: tuple[int | None, ...], outputs_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return outputs_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        arguments = {
            "names": self.names,
            "parameters": self.parameters,
            "extensions": self.extensions,
            "factors": self.factors,
        }
        return {**super().get_config(), **arguments}


@keras.saving.register_keras_serializable(package="mlzoo")
class FittedNumbers(keras.layers.Layer):
    """Numbers within intervals that are trained with the network whose inputs pass through here.

    A number is the middle of its interval at first, the geometric one where the interval is
    positive; a sigmoid of the weight keeps it inside.

    Args:
        names: of the numbers.
        intervals: from and to of each.
    """

    def __init__(
        self, names: Sequence[str], intervals: Sequence[Sequence[float]], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.names = list(names)
        self.intervals = [[float(end) for end in ends] for ends in intervals]

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        self.raw = self.add_weight(name="numbers", shape=(len(self.names),), initializer="zeros")

    def call(self, x: Any) -> Any:
        """Return x."""
        return x

    def columns(self, x: Any) -> Any:
        """Return the numbers (batch, numbers) for points x (batch, coordinates)."""
        raw = ops.convert_to_tensor(self.raw)
        shares = ops.sigmoid(raw)
        values = []
        for place, (low, high) in enumerate(self.intervals):
            share = shares[place]
            if low > 0:
                values.append(low * functions().exp(share * math.log(high / low)))
            else:
                values.append(low + share * (high - low))
        return 0 * x[:, :1] + ops.stack(values)[None]

    def values(self) -> dict[str, float]:
        """Return the numbers by name."""
        x = ops.zeros((1, 1), dtype=self.raw.dtype)
        row = ops.convert_to_numpy(self.columns(x))[0]
        return {name: float(value) for name, value in zip(self.names, row, strict=True)}

    def raw_of(self, name: str, value: float) -> float:
        """Return the weight at which a number has a value within its interval."""
        low, high = self.intervals[self.names.index(name)]
        share = (
            math.log(value / low) / math.log(high / low)
            if low > 0
            else (value - low) / (high - low)
        )
        return math.log(share / (1 - share))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "names": self.names, "intervals": self.intervals}
