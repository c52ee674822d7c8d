"""Heads of forecasts: values predicted as changes, and decoders with teacher forcing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.data.specs import Outputs


def last_step(raw: Any, channels: Sequence[int], dtype: str = "float32") -> Any:
    """Return channels of the last step that is not padding: (batch, 1, len(channels)).

    Args:
        raw: (batch, steps, channels), NaN where padded.
        channels: positions of the channels to return.
        dtype: of the result.
    """
    raw = ops.cast(raw, dtype)
    there = ops.logical_not(ops.isnan(raw[..., 0]))
    last = ops.sum(ops.cast(there, "int32"), axis=1) - 1
    step = ops.take_along_axis(raw, last[:, None, None], axis=1)
    return ops.take(step, ops.convert_to_tensor(list(channels), "int32"), axis=2)


@keras.saving.register_keras_serializable(package="mlzoo")
class FromLast(keras.layers.Layer):
    """Forecasts from predicted changes: last value + std * change, in the targets' units.

    Args:
        channels: positions of the targets among the input's channels.
        std: standard deviation of each target over the training split.
    """

    def __init__(self, channels: Sequence[int], std: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.channels = [int(channel) for channel in channels]
        self.std = [float(value) for value in std]

    def call(self, change_and_raw: Sequence[Any]) -> Any:
        """Return forecasts: changes (batch, horizon, targets) added to the last raw values."""
        change, raw = change_and_raw
        dtype = self.compute_dtype  # float32, or float64 where gradients are checked
        values = last_step(raw, self.channels, dtype)
        return values + ops.cast(change, dtype) * ops.convert_to_tensor(self.std, dtype)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return the shape of the changes."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "channels": self.channels, "std": self.std}


def finish_forecast(
    y_pred: keras.KerasTensor, raw: keras.KerasTensor, outputs: Outputs, from_last: bool
) -> keras.KerasTensor:
    """Return standardized forecasts (batch, horizon, targets) in the targets' own units.

    Args:
        y_pred: standardized values, or changes from the last value.
        raw: the model's input (batch, steps, channels).
        outputs: specification of the predictions.
        from_last: add to the last known value, where the targets are among the inputs.
    """
    if from_last and outputs.channels:
        return FromLast(outputs.channels, outputs.std, name="output")([y_pred, raw])
    return outputs.finish(y_pred)


@keras.saving.register_keras_serializable(package="mlzoo")
class FeedbackCell(keras.layers.Layer):
    """Recurrent cell that gets its own last output, or a true value where one is given.

    An input is (batch, targets + 1): the true last value, and a flag: 1 to use it, 0 to use the
    cell's own output. The states are those of the inner cell and the last output.

    Args:
        cell: `simple`, `gru` or `lstm`.
        units: of the inner cell, at least 1.
        targets: number of values predicted per step.
        use_bias: whether the layer that predicts them has a bias.
    """

    def __init__(
        self, cell: str, units: int, targets: int, use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        kinds = {
            "simple": keras.layers.SimpleRNNCell,
            "gru": keras.layers.GRUCell,
            "lstm": keras.layers.LSTMCell,
        }
        self.kind, self.units, self.targets, self.use_bias = cell, units, targets, use_bias
        self.cell = kinds[cell](units, name="cell")
        self.read_out = keras.layers.Dense(targets, use_bias=use_bias, name="read_out")
        inner = self.cell.state_size
        sizes = list(inner) if isinstance(inner, list | tuple) else [inner]
        self.state_size = [*sizes, targets]
        self.output_size = targets

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights of the cell and of the read-out."""
        self.cell.build((input_shape[0], self.targets))
        self.read_out.build((input_shape[0], self.units))

    def call(self, inputs: Any, states: Sequence[Any], training: bool = False) -> Any:
        """Return the prediction of one step (batch, targets), and the new states."""
        use_truth, last_output = inputs[:, -1:], states[-1]
        value = use_truth * inputs[:, :-1] + (1 - use_truth) * last_output
        hidden, new = self.cell(value, list(states[:-1]), training=training)
        y_pred = self.read_out(hidden)
        return y_pred, [*(new if isinstance(new, list | tuple) else [new]), y_pred]

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the cell."""
        config = {"cell": self.kind, "units": self.units, "targets": self.targets}
        return {**super().get_config(), **config, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable(package="mlzoo")
class NoTeacher(keras.layers.Layer):
    """Inputs of a decoder without teacher forcing: zeros (batch, horizon, targets + 1).

    Args:
        horizon: steps to predict.
        targets: values per step.
    """

    def __init__(self, horizon: int, targets: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.horizon, self.targets = horizon, targets

    def call(self, context: Any) -> Any:
        """Return zeros for any tensor (batch, ...)."""
        return ops.zeros((ops.shape(context)[0], self.horizon, self.targets + 1), context.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, horizon, targets + 1)."""
        return (input_shape[0], self.horizon, self.targets + 1)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "horizon": self.horizon, "targets": self.targets}


@keras.saving.register_keras_serializable(package="mlzoo")
class Teacher(keras.layers.Layer):
    """Inputs of a decoder with teacher forcing: standardized true values of the step before.

    Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural
    Networks" (1989). The first step has none, nor has a step after a missing value.

    Args:
        mean: mean of each target over the training split.
        std: the same.
        channels: where the targets stand among the input's channels, if changes from
            the last known value are predicted; then `mean` has no effect.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        channels: Sequence[int] = (),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.mean, self.std = [float(m) for m in mean], [float(s) for s in std]
        self.channels = [int(channel) for channel in channels]

    def call(self, truth_and_raw: Sequence[Any]) -> Any:
        """Return decoder inputs for true values (batch, horizon, targets) and raw inputs."""
        truth, raw = truth_and_raw
        base = ops.convert_to_tensor(self.mean, "float32")
        if self.channels:
            base = last_step(raw, self.channels)
        value = (ops.cast(truth, "float32") - base) / ops.convert_to_tensor(self.std, "float32")
        known = ops.logical_not(ops.any(ops.isnan(value), axis=-1, keepdims=True))
        value = ops.where(known, value, 0.0)
        fed = ops.concatenate([value, ops.cast(known, "float32")], axis=-1)[:, :-1]
        return ops.pad(fed, ((0, 0), (1, 0), (0, 0)))

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return (batch, horizon, targets + 1)."""
        batch, horizon, targets = input_shape[0]
        return (batch, horizon, targets + 1)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        config = {"mean": self.mean, "std": self.std, "channels": self.channels}
        return {**super().get_config(), **config}
