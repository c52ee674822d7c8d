"""Pieces of recurrent networks: layers by cell, pooling over steps, the heads of forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import keras
from keras import ops

from mlzoo.specs import Outputs

CELLS = {"simple": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}
MATRICES = {"simple": 2, "gru": 6, "lstm": 8}
"""Weight matrices of a layer, those of the inputs and those of the state together."""


class Recurrence(Protocol):
    """Settings that `recurrent` reads."""

    @property
    def bidirectional(self) -> bool:
        """Whether each sequence is read from both ends."""
        ...

    @property
    def recurrent_dropout(self) -> float:
        """Share of the state dropped."""
        ...


def recurrent(
    cell: str, units: int, return_sequences: bool, config: Recurrence, name: str, **more: Any
) -> keras.layers.Layer:
    """A recurrent layer (batch, steps, features) to (batch, steps, units) or (batch, units)."""
    layer = CELLS[cell](
        units,
        return_sequences=return_sequences,
        recurrent_dropout=config.recurrent_dropout,
        name=name,
        **more,
    )
    return keras.layers.Bidirectional(layer, name=name) if config.bidirectional else layer


def pool(kind: str) -> keras.layers.Layer:
    """The last of the steps that are there, their mean, or a learned weighted mean."""
    if kind == "last":
        return LastStep(name="last")
    if kind == "mean":
        return keras.layers.GlobalAveragePooling1D(name="mean")
    return AttentionPooling(name="attention")


@keras.saving.register_keras_serializable(package="mlzoo")
class LastStep(keras.layers.Layer):
    """The last step that is not masked: (batch, steps, features) to (batch, features)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        """Take it; without a mask the very last one."""
        if mask is None:
            return x[:, -1]
        last = ops.sum(ops.cast(mask, "int32"), axis=1) - 1
        return ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """There are no steps any more."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, features)."""
        return (input_shape[0], input_shape[-1])


@keras.saving.register_keras_serializable(package="mlzoo")
class MaskLike(keras.layers.Layer):
    """The first of two tensors with the mask of the second, for layers that carry none along."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, pair: Sequence[Any]) -> Any:
        """The first tensor."""
        return ops.multiply(pair[0], 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """That of the second."""
        return None if mask is None else mask[1]

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """That of the first."""
        return tuple(input_shape[0])


@keras.saving.register_keras_serializable(package="mlzoo")
class AttentionPooling(keras.layers.Layer):
    """A mean over steps whose weights are learned: softmax of v . tanh(W h + b) over the steps.

    Yang et al., "Hierarchical Attention Networks for Document Classification" (2016). Steps that
    are masked get no weight.

    Args:
        units: rows of W; as many as there are features by default.
    """

    def __init__(self, units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make W, b and v."""
        features = input_shape[-1]
        units = self.units or features
        self.kernel = self.add_weight(shape=(features, units), name="kernel")
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.vector = self.add_weight(shape=(units, 1), name="vector")

    def call(self, x: Any, mask: Any = None) -> Any:
        """From (batch, steps, features) to (batch, features)."""
        scores = ops.matmul(ops.tanh(ops.matmul(x, self.kernel) + self.bias), self.vector)
        if mask is not None:
            scores = ops.where(mask[..., None], scores, ops.cast(-1e4, scores.dtype))
        return ops.sum(ops.softmax(scores, axis=1) * x, axis=1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """There are no steps any more."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, features)."""
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="mlzoo")
class NoMask(keras.layers.Layer):
    """Its input without a mask: targets say which steps count, and Keras must not weigh them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        """The same tensor."""
        return ops.multiply(x, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The same shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="mlzoo")
class ZeroBeyond(MaskLike):
    """The first of two tensors, 0 where the second is masked, so that padding says nothing."""

    def call(self, pair: Sequence[Any], mask: Any = None) -> Any:
        """The first tensor, (batch, steps, features)."""
        there = None if mask is None else mask[1]
        return pair[0] * 1 if there is None else pair[0] * ops.cast(there, pair[0].dtype)[..., None]

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: convolutions carry none along."""


@keras.saving.register_keras_serializable(package="mlzoo")
class FromLast(keras.layers.Layer):
    """Forecasts from what changes: last value + std * change, in the units of the targets.

    Args:
        channels: where the targets stand among the input's channels.
        std: of each target over the training part.
    """

    def __init__(self, channels: Sequence[int], std: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.channels = [int(channel) for channel in channels]
        self.std = [float(value) for value in std]

    def call(self, change_and_raw: Sequence[Any]) -> Any:
        """From changes (batch, horizon, targets) and raw inputs (batch, steps, channels)."""
        change, raw = change_and_raw
        raw = ops.cast(raw, "float32")
        there = ops.logical_not(ops.isnan(raw[..., 0]))
        last = ops.sum(ops.cast(there, "int32"), axis=1) - 1
        step = ops.take_along_axis(raw, last[:, None, None], axis=1)
        values = ops.take(step, ops.convert_to_tensor(self.channels, "int32"), axis=2)
        return values + ops.cast(change, "float32") * ops.convert_to_tensor(self.std, "float32")

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """That of the changes."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "channels": self.channels, "std": self.std}


def finish_forecast(
    features: keras.KerasTensor,
    raw: keras.KerasTensor,
    outputs: Outputs,
    from_last: bool,
    **settings: Any,
) -> keras.KerasTensor:
    """The head of a forecast (batch, horizon, targets), from the features of what went before.

    Args:
        features: (batch, features), or (batch, horizon, features) from a decoder.
        raw: the model's input.
        outputs: what the model owes.
        from_last: add to the last value that is known, where the targets are among the inputs.
        **settings: of the output layer.
    """
    x = outputs.logits(features, **settings)
    if from_last and outputs.channels:
        return FromLast(outputs.channels, outputs.std, name="output")([x, raw])
    return outputs.finish(x)
