"""Recurrent network: simple, GRU or LSTM layers for sequences, series and text.

Elman, "Finding Structure in Time" (1990); Hochreiter and Schmidhuber, "Long Short-Term Memory"
(1997); Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder" (2014). The head
follows from the task: one output a sequence (many to one) from the last state, the mean or
attention; one a step (many to many); or the values that follow, all at once or by a decoder that
is fed its own last value (Sutskever et al., "Sequence to Sequence Learning with Neural Networks",
2014), in training the true one (teacher forcing). Vectors instead of sequences start a decoder
(one to many). Steps beyond a sequence's end are masked. Layer i is `rnn{i}`, with `norm{i}` and
`dropout{i}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Rate, Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs, TrainingModel
from mlzoo.models import _windows
from mlzoo.models._sequence_recipe import sequence_recipe

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

AUTO = ("sequence", "text")
TARGETS = (
    "classes per sample",
    "numbers per sample",
    "classes per step",
    "classes per token",
    "numbers per horizon",
)


class Config(Settings):
    """Settings of rnn."""

    cell: Literal["simple", "gru", "lstm"] = Field(
        "lstm", json_schema_extra=searched(choices=("gru", "lstm"))
    )
    """Kind of recurrent layer: simple has 2 weight matrices, gru 6, lstm 8."""
    units: Sizes = Field(
        (64,), json_schema_extra=searched_layers("layers", (1, 2), "width", (16, 128))
    )
    """Units of the recurrent layers, comma-separated; as many layers as numbers."""
    bidirectional: bool = False
    """Read each sequence from both ends; only where its future is known when it is predicted."""
    dropout: Rate = Field(0.0, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped after each recurrent layer."""
    recurrent_dropout: Rate = 0.0
    """Share of the state dropped from step to step, the same units in all of them."""
    layer_normalization: bool = False
    """Normalize the features of each step after every recurrent layer."""
    pooling: Literal["last", "mean", "attention", "concat"] = "last"
    """One output a sequence: from the last state, the mean over the steps, a weighted mean whose
    weights are learned, or mean, maximum and last state side by side."""
    head: Literal["direct", "decoder"] = "direct"
    """Forecasting: all steps at once, or one after another by a decoder of as many units as the
    last layer."""
    teacher_forcing: bool = True
    """Feed a decoder the true last value in training, not its own."""
    skip_last: bool = True
    """Forecasting: predict what changes from the last value known, not the value itself."""
    normalize_window: Literal["auto", "none", "last", "standard"] = "auto"
    """Forecasting: see each window less its last value, or less its mean over its own standard
    deviation (RevIN), so that a level that drifts does no harm; auto: what --preset chooses on the
    past, none without one."""
    transform: Literal["auto", "none", "log"] = "auto"
    """Forecasting: work on the targets' logarithms, as where a level grows by percent; auto: what
    --preset chooses on the past, none without one."""
    shortcut: Literal["auto", "none", "linear"] = "auto"
    """Forecasting: add the network to a linear forecast of the window that starts at the best
    classic ones (`mlzoo models show nlinear`); auto: linear with a --preset, none without one."""
    season: int = Field(0, ge=0)
    """Steps of a season whose mean over the training split the shortcut adds, in the phase
    that the window shows; 0: what --preset chooses, none without one; 1: none."""
    carry_state: bool = False
    """Series and text: go on from the state that the window before ended with (truncated
    back-propagation through time); windows must follow one another (--stride as long as they).
    In training alone: validated, tested and used, the model begins every window without a past."""
    memory: int = Field(0, ge=0)
    """Steps that the gates of gru and lstm remember at first (chrono initialization), about as
    many as a cause may lie back; 0: a few."""
    head_bias: bool = True
    """Give the output layer a bias."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if not self.units:
            raise ValueError("units names no layer")
        if not self.teacher_forcing and self.head != "decoder":
            raise ValueError("teacher_forcing has no effect without head=decoder")
        if self.memory and self.cell == "simple":
            raise ValueError("memory has no effect on cell simple, which has no gates")
        if self.carry_state and self.bidirectional:
            raise ValueError("carry_state and bidirectional exclude each other; choose one")
        if self.carry_state and self.head == "decoder":
            raise ValueError("carry_state and head=decoder exclude each other; choose one")
        if _windows.wanted(self) and (self.carry_state or self.head == "decoder"):
            other = "carry_state" if self.carry_state else "head=decoder"
            raise ValueError(
                f"normalize_window, transform and shortcut have no effect with {other}"
            )
        return self


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, steps, channels) to the shape that `outputs` asks for.

    A model that is trained on more than its inputs has a `twin` (see `mlzoo.data.specs`).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no sequence, or a setting has no effect on the task.
    """
    import keras

    _check(config, inputs, outputs)
    layers = _layers(config, inputs, outputs)
    if _windows.wanted(config):
        return _on_windows(config, inputs, outputs, layers)
    tensor, scaled = inputs.start(any_size=inputs.kind == "sequence")
    x = scaled
    if inputs.kind == "sequence":
        for layer in layers:
            x = layer(x)
            if isinstance(x, list | tuple):
                x = x[0]  # only the stateful twin uses the layer's state
    if config.head == "decoder":
        return _decoder(config, tensor, x, outputs)
    model = keras.Model(tensor, _finish(x, tensor, config, outputs), name="rnn")
    if inputs.streams:
        model.twin = _carrying(config, inputs, outputs, model, layers)
    return model


def _on_windows(
    config: Config, inputs: Inputs, outputs: Outputs, layers: list[keras.layers.Layer]
) -> keras.Model:
    """Return a model that sees normalized windows and may have a linear shortcut."""
    import keras

    windows = _windows.opened(config, inputs, outputs)
    x = windows.x
    for layer in layers:
        x = layer(x)
    y_pred = outputs.logits(x, use_bias=config.head_bias, **windows.head)
    return keras.Model(windows.raw, windows.finish(y_pred, x, outputs), name="rnn")


def _check(config: Config, inputs: Inputs, outputs: Outputs) -> None:
    _windows.check("rnn", config, inputs, outputs)
    vector = inputs.kind != "sequence" and outputs.target.ahead and len(inputs.shape) == 1
    if not vector:
        inputs.require_sequence("rnn")
    if vector and config.head != "decoder":
        raise UsageError("rnn: from one vector a sequence needs a decoder: --set head=decoder")
    outputs.refuse(
        "rnn",
        **{"head=decoder": config.head == "decoder" and not outputs.target.ahead},
        pooling=config.pooling != "last" and outputs.target.stepwise,
        skip_last=not config.skip_last and not outputs.target.ahead,
        carry_state=config.carry_state and not (outputs.target.ahead or outputs.target.causal),
    )
    if not config.skip_last and not outputs.channels:
        raise UsageError("rnn: skip_last has no effect where the targets are not among the inputs")
    unread = [name for name in _ENCODING if getattr(config, name) != _default(name)]
    if vector and (unread or len(config.units) > 1):
        ineffective = ", ".join([*unread, *(["several units"] if len(config.units) > 1 else [])])
        raise UsageError(
            f"rnn: without effect on vectors, which go to the decoder alone: {ineffective}"
        )
    if config.bidirectional and outputs.target.causal:
        raise UsageError("rnn: bidirectional would see the characters that are to be predicted")


_ENCODING = (
    "bidirectional",
    "dropout",
    "recurrent_dropout",
    "layer_normalization",
    "pooling",
    "memory",
)


def _default(name: str) -> object:
    return Config.model_fields[name].default


def _layers(config: Config, inputs: Inputs, outputs: Outputs) -> list[keras.layers.Layer]:
    """Return the recurrent layers with their normalization and dropout, and the pooling."""
    import keras

    from mlzoo.layers.recurrent import recurrent
    from mlzoo.layers.steps import pool

    layers: list[keras.layers.Layer] = []
    state = {"return_state": True} if inputs.streams else {}
    per_step = outputs.target.stepwise
    for number, units in enumerate(config.units, start=1):
        last = number == len(config.units)
        sequences = per_step or not last or config.pooling != "last"
        layers.append(recurrent(config.cell, units, sequences, config, f"rnn{number}", **state))
        if config.layer_normalization:
            layers.append(keras.layers.LayerNormalization(name=f"norm{number}"))
        if config.dropout:
            layers.append(keras.layers.Dropout(config.dropout, name=f"dropout{number}"))
    if not per_step and config.pooling != "last":
        layers.append(pool(config.pooling))
    return layers


def _finish(
    x: keras.KerasTensor, raw: keras.KerasTensor, config: Config, outputs: Outputs
) -> keras.KerasTensor:
    from mlzoo.layers.decoding import finish_forecast
    from mlzoo.layers.forecast_quantiles import with_quantiles

    y_pred = outputs.logits(x, use_bias=config.head_bias)
    if outputs.target.ahead:
        y_pred = finish_forecast(y_pred, raw, outputs, config.skip_last)
        # A twin that carries states has no quantiles, so that these are refused.
        return y_pred if config.carry_state else with_quantiles(y_pred, x, outputs)
    return outputs.finish(y_pred)


def _decoder(
    config: Config, tensor: keras.KerasTensor, context: keras.KerasTensor, outputs: Outputs
) -> keras.Model:
    """Return a decoder of the context (batch, features), with a twin for teacher forcing."""
    import keras

    from mlzoo.layers.decoding import FeedbackCell, NoTeacher, Teacher, finish_forecast

    units, targets, horizon = config.units[-1], outputs.units, outputs.horizon
    cell = FeedbackCell(config.cell, units, targets, config.head_bias, name="feedback")
    decode = keras.layers.RNN(cell, return_sequences=True, name="decoder")
    sizes = cell.state_size
    states = [
        keras.layers.Dense(size, activation="tanh", name=f"start{number}")(context)
        for number, size in enumerate(sizes[:-1])
    ]
    states.append(keras.layers.Dense(targets, name="start_value")(context))

    def finished(decoder_inputs: keras.KerasTensor) -> keras.KerasTensor:
        y_pred = decode(decoder_inputs, initial_state=states)
        return finish_forecast(y_pred, tensor, outputs, config.skip_last)

    alone = NoTeacher(horizon, targets, name="alone")(context)
    model = keras.Model(tensor, finished(alone), name="rnn")
    if config.teacher_forcing:
        truth = keras.Input((horizon, targets), name="truth")
        channels = outputs.channels if config.skip_last else ()
        teacher = Teacher(outputs.mean, outputs.std, channels, name="teacher")
        taught = keras.Model([tensor, truth], finished(teacher([truth, tensor])), name="taught")
        model.twin = TrainingModel(taught, "targets")
    return model


def _carrying(
    config: Config,
    inputs: Inputs,
    outputs: Outputs,
    model: keras.Model,
    layers: list[keras.layers.Layer],
) -> TrainingModel:
    """Return a stateful twin: the same layers, on batches of one size."""
    import keras

    from mlzoo.layers.decoding import finish_forecast
    from mlzoo.layers.recurrent import CELLS, Carried
    from mlzoo.layers.steps import NoMask

    kinds = tuple(CELLS.values())
    goes_on = keras.Input((1,), name="goes_on")
    x = NoMask(name="whole_windows")(model.get_layer("scaling").output)
    for layer in layers:
        if isinstance(layer, kinds):
            x = Carried(layer, inputs.streams, name=f"{layer.name}_carried")([x, goes_on])
        else:
            x = layer(x)
    raw = model.inputs[0]
    head = model.get_layer("head")
    if outputs.target.stepwise:
        x = NoMask(name="unmasked_twin")(x)
    y_pred = head(x)
    if outputs.horizon:
        y_pred = keras.layers.Reshape((outputs.horizon, outputs.units))(y_pred)
    if outputs.target.ahead:
        output = finish_forecast(y_pred, raw, outputs, config.skip_last)
    else:
        output = outputs.finish(y_pred)
    return TrainingModel(keras.Model([raw, goes_on], output, name="carrying"), "goes_on")


def initialize(model: keras.Model, data: Data) -> None:
    """Set what layers of windows know of the training split; see `nlinear`."""
    _windows.initialize(model, data)


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return folds for sequences with a class, or, of a series, what was best on its past."""
    if data.samples.target.ahead:
        return _windows.recipe(data, config, tuple(Config.model_fields))
    return sequence_recipe(data)
