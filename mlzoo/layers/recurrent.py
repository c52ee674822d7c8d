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

    @property
    def memory(self) -> int:
        """Steps that gates remember at first; 0: Keras's own start."""
        ...


def recurrent(
    cell: str, units: int, return_sequences: bool, config: Recurrence, name: str, **more: Any
) -> keras.layers.Layer:
    """A recurrent layer (batch, steps, features) to (batch, steps, units) or (batch, units)."""
    if config.memory and cell != "simple":
        more = {**more, "bias_initializer": GateMemory(config.memory)}
    layer = CELLS[cell](
        units,
        return_sequences=return_sequences,
        recurrent_dropout=config.recurrent_dropout,
        name=name,
        **more,
    )
    return keras.layers.Bidirectional(layer, name=name) if config.bidirectional else layer


@keras.saving.register_keras_serializable(package="mlzoo")
class GateMemory(keras.initializers.Initializer):
    """Biases of an LSTM's or a GRU's gates with which units remember for 1 to `steps` steps.

    Chrono initialisation of Tallec and Ollivier, "Can recurrent neural networks warp time?"
    (2018): the forget gate's biases are log(u), the input gate's their negatives; a GRU's update
    gate takes the former. They draw u between 1 and steps, here the units share that range evenly.

    Args:
        steps: how long dependencies may last.
    """

    def __init__(self, steps: int) -> None:
        self.steps = int(steps)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """(4 units,) of an LSTM, or (2, 3 units) of a GRU."""
        gates = 3 if len(shape) == 2 else 4
        units = shape[-1] // gates
        log = ops.log(ops.linspace(1.0, float(max(self.steps, 2)), units))
        zero = ops.zeros((units,))
        if gates == 4:  # input, forget, cell, output
            return ops.cast(ops.concatenate([-log, log, zero, zero]), dtype or "float32")
        row = ops.concatenate([log, zero, zero])  # update, reset, candidate
        return ops.cast(ops.stack([row, ops.zeros_like(row)]), dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the initialiser."""
        return {"steps": self.steps}


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


def last_step(raw: Any, channels: Sequence[int]) -> Any:
    """Some channels of the last step that is no padding: (batch, 1, len(channels))."""
    raw = ops.cast(raw, "float32")
    there = ops.logical_not(ops.isnan(raw[..., 0]))
    last = ops.sum(ops.cast(there, "int32"), axis=1) - 1
    step = ops.take_along_axis(raw, last[:, None, None], axis=1)
    return ops.take(step, ops.convert_to_tensor(list(channels), "int32"), axis=2)


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
        values = last_step(raw, self.channels)
        return values + ops.cast(change, "float32") * ops.convert_to_tensor(self.std, "float32")

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """That of the changes."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "channels": self.channels, "std": self.std}


def finish_forecast(
    said: keras.KerasTensor, raw: keras.KerasTensor, outputs: Outputs, from_last: bool
) -> keras.KerasTensor:
    """Standardised forecasts (batch, horizon, targets) in the targets' own units.

    Args:
        said: values, or what changes from the last one.
        raw: the model's input.
        outputs: what the model owes.
        from_last: add to the last value that is known, where the targets are among the inputs.
    """
    if from_last and outputs.channels:
        return FromLast(outputs.channels, outputs.std, name="output")([said, raw])
    return outputs.finish(said)


@keras.saving.register_keras_serializable(package="mlzoo")
class FeedbackCell(keras.layers.Layer):
    """A recurrent cell that is fed its own last output, or a true value where one is given.

    An input is (batch, targets + 1): the true last value, and 1 where it is to be taken, 0 where
    the cell's own is. The states are those of the inner cell and the last output.

    Args:
        cell: `simple`, `gru` or `lstm`.
        units: of the inner cell.
        targets: numbers that are predicted at a step.
        use_bias: of the layer that predicts them.
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
        """One step: the prediction (batch, targets), and the new states."""
        given, own = inputs[:, -1:], states[-1]
        value = given * inputs[:, :-1] + (1 - given) * own
        hidden, new = self.cell(value, list(states[:-1]), training=training)
        said = self.read_out(hidden)
        return said, [*(new if isinstance(new, list | tuple) else [new]), said]

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the cell."""
        own = {"cell": self.kind, "units": self.units, "targets": self.targets}
        return {**super().get_config(), **own, "use_bias": self.use_bias}


@keras.saving.register_keras_serializable(package="mlzoo")
class NoTeacher(keras.layers.Layer):
    """Inputs of a decoder that is on its own: zeros (batch, horizon, targets + 1).

    Args:
        horizon: steps to predict.
        targets: numbers a step.
    """

    def __init__(self, horizon: int, targets: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.horizon, self.targets = horizon, targets

    def call(self, context: Any) -> Any:
        """From any tensor (batch, ...) of the batch."""
        return ops.zeros((ops.shape(context)[0], self.horizon, self.targets + 1), context.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, horizon, targets + 1)."""
        return (input_shape[0], self.horizon, self.targets + 1)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "horizon": self.horizon, "targets": self.targets}


@keras.saving.register_keras_serializable(package="mlzoo")
class Teacher(keras.layers.Layer):
    """Inputs of a decoder that is taught: the true values of the step before, standardised.

    Williams and Zipser, "A Learning Algorithm for Continually Running Fully Recurrent Neural
    Networks" (1989). The first step has none, and so has one after a value that is missing.

    Args:
        mean: of each target over the training part.
        std: the same.
        channels: where the targets stand among the input's channels, if values are told as what
            changes from the last one known; then `mean` has no effect.
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
        """From true values (batch, horizon, targets) and raw inputs (batch, ...)."""
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
        """(batch, horizon, targets + 1)."""
        batch, horizon, targets = input_shape[0]
        return (batch, horizon, targets + 1)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        own = {"mean": self.mean, "std": self.std, "channels": self.channels}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="mlzoo")
class Carried(keras.layers.Layer):
    """A recurrent layer whose state is carried from one batch to the next: truncated BPTT.

    Williams and Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent
    Network Trajectories" (1990). Gradients end where a batch begins. The layer is called on a
    batch of `streams` sequences and, for each, 1 where it goes on from its last one and 0 where
    it starts anew. The states are weights that no gradient changes, so checkpoints hold them.

    Args:
        layer: a recurrent layer that returns its state.
        streams: sequences in every batch.
    """

    def __init__(self, layer: keras.layers.Layer, streams: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer, self.streams = layer, streams

    def build(self, *input_shape: Any) -> None:
        """Make the states."""
        sizes = self.layer.cell.state_size
        sizes = sizes if isinstance(sizes, list | tuple) else [sizes]
        self.carried = [
            self.add_weight(
                shape=(self.streams, size),
                initializer="zeros",
                trainable=False,
                name=f"state{number}",
            )
            for number, size in enumerate(sizes)
        ]

    def call(self, x_and_goes_on: Sequence[Any], training: bool = False) -> Any:
        """From (streams, steps, features) and (streams, 1) to (streams, steps, units)."""
        x, goes_on = x_and_goes_on
        start = [ops.cast(goes_on, state.dtype) * state for state in self.carried]
        said, *end = self.layer(x, initial_state=start, training=training)
        for state, new in zip(self.carried, end, strict=True):
            state.assign(ops.stop_gradient(ops.cast(new, state.dtype)))
        return said

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """(streams, steps, units), or without steps where the layer returns the last one only."""
        steps = [input_shape[0][1]] if self.layer.return_sequences else []
        return (input_shape[0][0], *steps, self.layer.units)
