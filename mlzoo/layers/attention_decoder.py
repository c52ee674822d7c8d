"""Decoder that attends to what an encoder gives, symbol by symbol."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
from keras import ops

CELLS = {"gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}
_FAR = -1e9


class DecoderParts(NamedTuple):
    """Layers of Keras that a decoder consists of."""

    embedding: keras.layers.Layer
    starts: list[keras.layers.Layer]
    cell: keras.layers.Layer
    keys: keras.layers.Layer
    combine: keras.layers.Layer
    read_out: keras.layers.Layer


@keras.saving.register_keras_serializable(package="mlzoo")
class AttentionDecoder(keras.layers.Layer):
    """Recurrent decoder with global attention; its output are logits (batch, length, symbols).

    Each step embeds the last symbol, moves the state h, and scores each encoder output m_s by
    h' W m_s; the weights are the softmax of the scores over s, the context c is the mean of m_s by
    them, and the logits are a linear layer of tanh(W_c [h, c]).

    Called with encoder outputs and a context, it takes its own most likely symbol for the last one
    (greedy decoding); with true symbols too those (teacher forcing).

    Args:
        cell: `gru` or `lstm`.
        units: of the cell.
        embedding: size of a symbol's vector.
        symbols: how many there are.
        length: symbols to give.
        dropout: share of the features before the linear layer that is dropped in training.

    Source:
        Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine
        Translation" (2015), global attention with the score `general`.
    """

    def __init__(
        self,
        cell: str,
        units: int,
        embedding: int,
        symbols: int,
        length: int,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind, self.units, self.embedding_size = cell, units, embedding
        self.symbols, self.length, self.dropout = symbols, length, dropout
        states = {"gru": 1, "lstm": 2}[cell]
        self.embedding = keras.layers.Embedding(symbols + 1, embedding, name="embedding")
        self.starts = [
            keras.layers.Dense(units, "tanh", name=f"start{i + 1}") for i in range(states)
        ]
        self.cell = CELLS[cell](units, name="cell")
        self.keys = keras.layers.Dense(units, use_bias=False, name="keys")
        self.combine = keras.layers.Dense(units, "tanh", name="combine")
        self.drop = keras.layers.Dropout(dropout, name="drop")
        self.read_out = keras.layers.Dense(symbols, name="read_out")

    @property
    def parts(self) -> DecoderParts:
        """Return the layers that have weights."""
        return DecoderParts(
            self.embedding, self.starts, self.cell, self.keys, self.combine, self.read_out
        )

    def build(self, memory_shape: Any, context_shape: Any, truth_shape: Any = None) -> None:
        """Make the weights, from the shapes of encoder outputs and context."""
        self.embedding.build((None, None))
        for start in self.starts:
            start.build(context_shape)
        self.cell.build((None, self.embedding_size))
        self.keys.build(memory_shape)
        self.combine.build((None, self.units + memory_shape[-1]))
        self.read_out.build((None, self.units))

    def call(
        self,
        memory: Any,
        context: Any,
        truth: Any = None,
        memory_mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Return logits.

        Args:
            memory: encoder outputs (batch, steps, features).
            context: (batch, features) that the first state follows from.
            truth: (batch, length) true symbols to be taught by; those beyond the last count as any.
            memory_mask: (batch, steps) true where there is a step.
            training: drop features.
        """
        fed = None
        if truth is not None:
            known = ops.cast(truth, "int32")
            known = ops.where(known < self.symbols, known, self.symbols)
            begin = ops.full_like(known[:, :1], self.symbols)
            fed = ops.concatenate([begin, known[:, :-1]], axis=1)
        drop = None if not self.dropout else lambda x: self.drop(x, training=training)
        return unrolled(self.parts, self.length, memory, context, memory_mask, fed, drop)[0]

    def compute_mask(self, *inputs: Any, **masks: Any) -> None:
        """Return no mask: all places of a target are given."""

    def compute_output_shape(
        self, memory_shape: Any, context_shape: Any, truth_shape: Any = None
    ) -> tuple[int | None, ...]:
        """Return (batch, length, symbols)."""
        return (memory_shape[0], self.length, self.symbols)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {
            **super().get_config(),
            "cell": self.kind,
            "units": self.units,
            "embedding": self.embedding_size,
            "symbols": self.symbols,
            "length": self.length,
            "dropout": self.dropout,
        }


def unrolled(
    parts: DecoderParts,
    length: int,
    memory: Any,
    context: Any,
    there: Any = None,
    fed: Any = None,
    drop: Any = None,
) -> tuple[Any, Any]:
    """Return logits (batch, length, symbols) and attention (batch, length, steps).

    Args:
        parts: layers of the decoder.
        length: symbols to give.
        memory: encoder outputs (batch, steps, features).
        context: (batch, features) that the first state follows from.
        there: (batch, steps) true where there is a step; None: everywhere.
        fed: (batch, length) the symbol before each; None: the most likely one, and at first the
            begin, whose code follows those of the symbols.
        drop: changes the features before the logits, in training.
    """
    keys, states = parts.keys(memory), [start(context) for start in parts.starts]
    hidden_away = None
    if there is not None:
        hidden_away = ops.cast(ops.logical_not(there), keys.dtype) * _FAR
    symbols = parts.read_out.units
    last = ops.cast(ops.zeros_like(context[:, 0]), "int32") + symbols
    logits, attention = [], []
    for step in range(length):
        x = parts.embedding(last if fed is None else fed[:, step])
        hidden, states = parts.cell(x, states)
        states = list(states) if isinstance(states, list | tuple) else [states]
        scores = ops.sum(keys * hidden[:, None], axis=-1)
        if hidden_away is not None:
            scores = scores + hidden_away
        weights = ops.softmax(scores, axis=-1)
        seen = ops.sum(weights[..., None] * memory, axis=1)
        features = parts.combine(ops.concatenate([hidden, seen], axis=-1))
        logits.append(parts.read_out(features if drop is None else drop(features)))
        attention.append(weights)
        last = ops.cast(ops.argmax(logits[-1], axis=-1), "int32")
    return ops.stack(logits, axis=1), ops.stack(attention, axis=1)


def attention_of(model: keras.Model, inputs: Any) -> Any:
    """Return what a decoder attends to, (n, length, steps); None for a model without one.

    Args:
        model: it ends in an `AttentionDecoder` and its output layer.
        inputs: (n, steps, 1) codes, or images (n, height, width, channels).
    """
    decoders = [layer for layer in model.layers if isinstance(layer, AttentionDecoder)]
    if not decoders:
        return None
    decoder = decoders[0]
    before = keras.Model(model.inputs, list(decoder.input)[:2], name="before_decoder")
    memory, context = before(ops.convert_to_tensor(inputs), training=False)
    there = None
    if inputs.ndim == 3:
        there = ops.logical_not(ops.isnan(ops.convert_to_tensor(inputs)[..., 0]))
    weights = unrolled(decoder.parts, decoder.length, memory, context, there)[1]
    return ops.convert_to_numpy(weights)
