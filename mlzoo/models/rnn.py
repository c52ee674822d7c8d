"""Recurrent network: simple, GRU or LSTM layers for sequences, series and text.

Elman, "Finding Structure in Time" (1990); Hochreiter and Schmidhuber, "Long Short-Term Memory"
(1997); Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014). The head
follows from the task: one output a sequence (many to one) from the last state, the mean or
attention; one a step (many to many); or the values that follow, all at once or by a decoder that
is fed its own last value (Sutskever et al., "Sequence to Sequence Learning with Neural Networks",
2014), in training the true one (teacher forcing). Steps beyond a sequence's end are masked.
Layer i is `rnn{i}`, with `norm{i}` and `dropout{i}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from mlzoo.configs import Settings
from mlzoo.setting_types import Rate, Sizes
from mlzoo.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TASKS = ("classification", "regression", "labelling", "forecasting")


class Config(Settings):
    """Settings of rnn."""

    cell: Literal["simple", "gru", "lstm"] = "lstm"
    """Kind of recurrent layer: simple has 2 weight matrices, gru 6, lstm 8."""
    units: Sizes = (64,)
    """Units of the recurrent layers, comma-separated; as many layers as numbers."""
    bidirectional: bool = False
    """Read each sequence from both ends; only where its future is known when it is predicted."""
    dropout: Rate = 0.0
    """Share of features dropped after each recurrent layer."""
    recurrent_dropout: Rate = 0.0
    """Share of the state dropped from step to step, the same units in all of them."""
    layer_normalization: bool = False
    """Normalise the features of each step after every recurrent layer."""
    pooling: Literal["last", "mean", "attention"] = "last"
    """One output a sequence: from the last state, the mean over the steps, or a weighted mean
    whose weights are learned."""
    skip_last: bool = True
    """Forecasting: predict what changes from the last value known, not the value itself."""
    head_bias: bool = True
    """Give the output layer a bias."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if not self.units:
            raise ValueError("units names no layer")
        return self


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """The model, from (batch, steps, channels) to what `outputs` owes.

    Raises:
        UsageError: a sample is no sequence.
    """
    import keras

    from mlzoo.layers.recurrent import finish_forecast, pool, recurrent

    inputs.require_sequence("rnn")
    tensor, x = inputs.start(any_size=True)
    per_step = outputs.task == "labelling"
    for number, units in enumerate(config.units, start=1):
        last = number == len(config.units)
        sequences = per_step or not last or config.pooling != "last"
        x = recurrent(config.cell, units, sequences, config, f"rnn{number}")(x)
        if config.layer_normalization:
            x = keras.layers.LayerNormalization(name=f"norm{number}")(x)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, name=f"dropout{number}")(x)
    if not per_step and config.pooling != "last":
        x = pool(config.pooling)(x)
    if outputs.task == "forecasting":
        output = finish_forecast(x, tensor, outputs, config.skip_last, use_bias=config.head_bias)
    else:
        output = outputs.head(x, use_bias=config.head_bias)
    return keras.Model(tensor, output, name="rnn")
