"""Losses of numbers on standardized targets, so that they do not depend on units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.data.specs import Outputs


def number_loss(kind: str, outputs: Outputs) -> keras.losses.Loss:
    """Return a loss of standardized targets, for one number a sample or one a pixel or step.

    Args:
        kind: `mse`, `mae` or `huber`.
        outputs: what the model predicts.
    """
    if outputs.target.dense or outputs.target.ahead:
        return MaskedFields(kind, outputs.mean, outputs.std)
    inner: keras.losses.Loss = {
        "mse": keras.losses.MeanSquaredError,
        "mae": keras.losses.MeanAbsoluteError,
        "huber": keras.losses.Huber,
    }[kind]()
    if outputs.target.is_input:
        return OfScaledInput(kind, outputs.scaling)
    return Standardised(inner, outputs.mean, outputs.std) if outputs.mean else inner


@keras.saving.register_keras_serializable(package="mlzoo")
class Standardised(keras.losses.Loss):
    """A loss of (y - mean) / std for targets and predictions in the target's own units.

    So the gradient does not depend on those units, while the model predicts in them.

    Args:
        loss: a Keras loss or its name (`mse`, `mae`, `huber`).
        mean: mean of each target over the training split.
        std: standard deviation of each target over the training split, over 0.
    """

    def __init__(
        self,
        loss: Any,
        mean: Sequence[float],
        std: Sequence[float],
        name: str = "standardised",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.loss = keras.losses.get(loss)
        self.mean = tuple(float(m) for m in mean)
        self.std = tuple(float(s) for s in std)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample; y_pred (batch, targets), y_true the same or (batch,)."""
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        inner = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        return inner(self._standardize(y_true), self._standardize(y_pred))

    def _standardize(self, y: Any) -> Any:
        return (y - ops.cast(self.mean, y.dtype)) / ops.cast(self.std, y.dtype)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        return {
            **super().get_config(),
            "loss": keras.losses.serialize(self.loss),
            "mean": self.mean,
            "std": self.std,
        }


@keras.saving.register_keras_serializable(package="mlzoo")
class OfScaledInput(keras.losses.Loss):
    """Mean error of a reconstruction, where the target is the raw input.

    So images stay as they are, a byte a value, until they are compared. One loss a sample.

    Args:
        kind: `mse`, `mae`, or `huber` (squared up to an error of 1, linear beyond it).
        scaling: serialized layers from a raw input to what the model reconstructs.
    """

    def __init__(
        self,
        kind: str,
        scaling: Sequence[Mapping[str, object]],
        name: str = "of_scaled_input",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.kind = kind
        self.scaling = tuple(scaling)
        self._layers = [keras.layers.deserialize(config) for config in self.scaling]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample; `y_true` raw inputs (batch, ...), `y_pred` scaled ones."""
        truth = y_true
        for layer in self._layers:
            truth = layer(truth)
        error = ops.cast(y_pred, "float32") - ops.cast(truth, "float32")
        cost = _cost(self.kind, error)
        return ops.mean(cost, axis=tuple(range(1, len(cost.shape))))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the loss."""
        return {**super().get_config(), "kind": self.kind, "scaling": list(self.scaling)}


@keras.saving.register_keras_serializable(package="mlzoo")
class MaskedFields(keras.losses.Loss):
    """Mean error of standardized fields, (y - mean) / std, over the values that count.

    A truth of NaN does not count: what is predicted there changes nothing. One loss a sample,
    (batch,); 0 for a sample without any value that counts.

    Args:
        kind: `mse`, `mae`, or `huber` (squared up to an error of 1, linear beyond it).
        mean: of each field over the training split.
        std: the same, over 0.
    """

    def __init__(
        self,
        kind: str,
        mean: Sequence[float],
        std: Sequence[float],
        name: str = "masked_fields",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.kind = kind
        self.mean = tuple(float(m) for m in mean)
        self.std = tuple(float(s) for s in std)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample; both (batch, height, width, fields) or (batch, steps, fields)."""
        truth, predicted = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        known = ops.logical_not(ops.isnan(truth))
        # The mean cancels in the difference. What does not count is 0 before it is squared: NaN
        # times 0 would be NaN in the gradient.
        error = ops.where(known, predicted - ops.where(known, truth, 0.0), 0.0)
        error = error / ops.cast(self.std, "float32")
        axes = tuple(range(1, len(truth.shape)))
        count = ops.sum(ops.cast(known, "float32"), axis=axes)
        return ops.sum(_cost(self.kind, error), axis=axes) / ops.maximum(count, 1.0)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        arguments = {"kind": self.kind, "mean": self.mean, "std": self.std}
        return {**super().get_config(), **arguments}


def _cost(kind: str, error: Any) -> Any:
    """Return the cost of each error."""
    if kind == "mse":
        return ops.square(error)
    size = ops.abs(error)
    if kind == "mae":
        return size
    return ops.where(size <= 1, 0.5 * ops.square(error), size - 0.5)
