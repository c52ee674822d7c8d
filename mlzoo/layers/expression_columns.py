"""The layer that adds expressions of points to them, as further inputs of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.core.expressions import evaluate
from mlzoo.layers.derivatives.interface import functions
from mlzoo.layers.trial import from_lists


@keras.saving.register_keras_serializable(package="mlzoo")
class ExpressionColumns(keras.layers.Layer):
    """Append expressions of points (batch, inputs) to features (batch, n).

    Args:
        names: of the columns of the points.
        parameters: numbers that the expressions name.
        expressions: as nested lists (`mlzoo.layers.trial.as_lists`).
    """

    def __init__(
        self,
        names: Sequence[str],
        parameters: Mapping[str, float],
        expressions: Sequence[Sequence[Any]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.names, self.parameters = list(names), dict(parameters)
        self.expressions = list(expressions)
        self._nodes = [from_lists(each) for each in expressions]

    def call(self, points: Any, features: Any) -> Any:
        """Return (batch, n + expressions)."""
        columns = {name: points[:, place] for place, name in enumerate(self.names)}
        values, xp = {**columns, **self.parameters}, functions(points)
        # An expression may be a number alone.
        added = [evaluate(node, values, xp) + 0 * points[:, 0] for node in self._nodes]
        return ops.concatenate([features, ops.stack(added, axis=-1)], axis=-1)

    def compute_output_shape(
        self, points_shape: tuple[int | None, ...], features_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return (batch, n + expressions)."""
        assert features_shape[-1] is not None
        return (*features_shape[:-1], features_shape[-1] + len(self.expressions))

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        arguments = {
            "names": self.names,
            "parameters": self.parameters,
            "expressions": self.expressions,
        }
        return {**super().get_config(), **arguments}
