"""The loss of a model as a pure function of its weights, on some samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from mlzoo.checking.backend import compiled, hessian_product, with_gradients

Weights = list[np.ndarray]


class LossOf:
    """A model's mean loss over samples, in inference, without penalties, for any weights.

    Args:
        model: whose trainable variables are replaced; it is left as it is.
        loss: from targets and outputs to a mean.
        x: (n, *shape) raw inputs.
        y: (n, ...) targets.
        chunk: samples at a time, which bounds memory.
    """

    def __init__(
        self, model: keras.Model, loss: keras.Loss, x: np.ndarray, y: np.ndarray, chunk: int = 1024
    ) -> None:
        self.model, self.loss = model, loss
        self.variables = list(model.trainable_variables)
        cuts = range(0, len(x), chunk)
        self.parts = [(put(x[i : i + chunk]), put(y[i : i + chunk])) for i in cuts]
        self.shares = [len(x[i : i + chunk]) / len(x) for i in cuts]
        self._value = compiled(self._of_chunk)
        self._gradients = compiled(
            lambda arrays, x, y: with_gradients(lambda a: self._of_chunk(a, x, y))(arrays)
        )
        self._product = compiled(
            lambda arrays, vector, x, y: hessian_product(lambda a: self._of_chunk(a, x, y))(
                arrays, vector
            )
        )

    def _of_chunk(self, arrays: Sequence[Any], x: Any, y: Any) -> Any:
        mapping = list(zip(self.variables, arrays, strict=True))
        with keras.StatelessScope(state_mapping=mapping):
            return self.loss(y, self.model(x, training=False))

    def weights(self) -> Weights:
        """Return the model's own weights."""
        return [keras.ops.convert_to_numpy(v.value) for v in self.variables]

    def value(self, weights: Sequence[np.ndarray]) -> float:
        """Return the loss at some weights."""
        arrays = [put(w) for w in weights]
        return self._mean(lambda x, y: float(self._value(arrays, x, y)))

    def gradients(self, weights: Sequence[np.ndarray]) -> Weights:
        """Return the loss's gradients at some weights."""
        arrays = [put(w) for w in weights]
        total = [np.zeros(w.shape) for w in weights]
        for share, (x, y) in zip(self.shares, self.parts, strict=True):
            _, gradients = self._gradients(arrays, x, y)
            total = [t + share * np.asarray(g) for t, g in zip(total, gradients, strict=True)]
        return total

    def product(self, weights: Sequence[np.ndarray], vector: Sequence[np.ndarray]) -> Weights:
        """Return the product of the loss's Hessian and a vector."""
        arrays, along = [put(w) for w in weights], [put(v) for v in vector]
        total = [np.zeros(w.shape) for w in weights]
        for share, (x, y) in zip(self.shares, self.parts, strict=True):
            product = self._product(arrays, along, x, y)
            total = [t + share * np.asarray(g) for t, g in zip(total, product, strict=True)]
        return total

    def _mean(self, of: Callable[[Any, Any], float]) -> float:
        pairs = zip(self.shares, self.parts, strict=True)
        return float(sum(share * of(x, y) for share, (x, y) in pairs))


def put(array: np.ndarray) -> Any:
    """Return a backend array; floating numbers as float32, as models take them."""
    kind = "float32" if np.asarray(array).dtype.kind == "f" else None
    return keras.ops.convert_to_tensor(array, kind)
