"""Recurrent layers by cell, initial memory of their gates, and stateful batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import keras
from keras import ops

CELLS = {"simple": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}


class Recurrence(Protocol):
    """Settings that `recurrent` reads."""

    @property
    def bidirectional(self) -> bool:
        """Read each sequence from both ends."""
        ...

    @property
    def recurrent_dropout(self) -> float:
        """Share of the state dropped."""
        ...

    @property
    def memory(self) -> int:
        """Steps that gates remember initially; 0: Keras's default initializer."""
        ...


def recurrent(
    cell: str, units: int, return_sequences: bool, config: Recurrence, name: str, **more: Any
) -> keras.layers.Layer:
    """Return a recurrent layer.

    Args:
        cell: `simple`, `gru` or `lstm`.
        units: size of the state.
        return_sequences: return (batch, steps, units), else (batch, units).
        config: further settings.
        name: of the layer.
        **more: arguments of the Keras layer.
    """
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
    """Biases of LSTM or GRU gates with which units remember for 1 to `steps` steps.

    Chrono initialization of Tallec and Ollivier, "Can recurrent neural networks warp time?"
    (2018): the forget gate's biases are log(u), the input gate's their negatives; a GRU's update
    gate takes the former. They draw u between 1 and steps, here the units share that range evenly.

    Args:
        steps: longest dependency in steps.
    """

    def __init__(self, steps: int) -> None:
        self.steps = int(steps)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """Return biases (4 units,) of an LSTM, or (2, 3 units) of a GRU."""
        gates = 3 if len(shape) == 2 else 4
        units = shape[-1] // gates
        log = ops.log(ops.linspace(1.0, float(max(self.steps, 2)), units))
        zero = ops.zeros((units,))
        if gates == 4:  # input, forget, cell, output
            return ops.cast(ops.concatenate([-log, log, zero, zero]), dtype or "float32")
        row = ops.concatenate([log, zero, zero])  # update, reset, candidate
        return ops.cast(ops.stack([row, ops.zeros_like(row)]), dtype or "float32")

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the initializer."""
        return {"steps": self.steps}


@keras.saving.register_keras_serializable(package="mlzoo")
class Carried(keras.layers.Layer):
    """Recurrent layer whose state is carried from one batch to the next: truncated BPTT.

    Williams and Peng, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent
    Network Trajectories" (1990). Gradients end where a batch begins. The layer is called on a
    batch of `streams` sequences and, for each, 1 where it continues its last one and 0 where
    it starts anew. The states are weights that no gradient changes, so checkpoints hold them.

    Args:
        layer: a recurrent layer that returns its state.
        streams: sequences per batch.
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
        """Map (streams, steps, features) and (streams, 1) to (streams, steps, units)."""
        x, goes_on = x_and_goes_on
        start = [ops.cast(goes_on, state.dtype) * state for state in self.carried]
        output, *end = self.layer(x, initial_state=start, training=training)
        for state, new in zip(self.carried, end, strict=True):
            state.assign(ops.stop_gradient(ops.cast(new, state.dtype)))
        return output

    def compute_output_shape(self, input_shape: Sequence[Any]) -> tuple[int | None, ...]:
        """Return (streams, steps, units), without steps if the layer returns the last one only."""
        steps = [input_shape[0][1]] if self.layer.return_sequences else []
        return (input_shape[0][0], *steps, self.layer.units)
