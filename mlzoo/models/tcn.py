"""Temporal convolutional network: dilated causal convolutions for sequences and series.

Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks
for Sequence Modeling" (2018). Block i of two convolutions has dilation 2^(i-1), so the reach grows
with 2^blocks; a residual connection spans each. Layer normalization stands where the paper
normalizes weights. Block i is `block{i}_conv1` and `block{i}_conv2`, each with `_norm`,
`_activation` and `_dropout`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Activation, Rate, searched
from mlzoo.data.specs import Inputs, Outputs
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
    """Settings of tcn."""

    filters: int = Field(32, ge=1, le=4096, json_schema_extra=searched(16, 64, log=True))
    """Filters of every convolution."""
    kernel_size: int = Field(3, ge=2, le=64)
    """Steps that a convolution sees at once."""
    blocks: int = Field(5, ge=1, le=16, json_schema_extra=searched(3, 7))
    """Residual blocks; with kernels of 3 steps the last one sees 2^(blocks+2) - 3 steps."""
    causal: bool = True
    """See no step after the one that is predicted; needed where the future is not known then."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    layer_normalization: bool = True
    """Normalize the features of each step before every activation."""
    dropout: Rate = Field(0.0, json_schema_extra=searched(0.0, 0.5))
    """Share of whole filters dropped after each convolution."""
    pooling: Literal["last", "mean", "attention", "concat"] = "mean"
    """One output a sequence: from the last step, the mean over the steps, a weighted mean whose
    weights are learned, or mean, maximum and last step side by side; forecasts take the last
    step."""
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


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, steps, channels) to the shape that `outputs` asks for.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no sequence, or a setting has no effect on the task.
    """
    import keras

    from mlzoo.layers.decoding import finish_forecast
    from mlzoo.layers.forecast_quantiles import with_quantiles
    from mlzoo.layers.steps import MaskLike, NoMask, pool

    _check(config, inputs, outputs)
    if _windows.wanted(config):
        return _on_windows(config, inputs, outputs)
    tensor, scaled = inputs.start(any_size=True)
    x = NoMask(name="steps")(scaled)
    for number in range(1, config.blocks + 1):
        x = _block(x, scaled, number, config)
    if outputs.target.stepwise:
        return keras.Model(tensor, outputs.head(x), name="tcn")
    x = MaskLike(name="masked")([x, scaled])
    if outputs.target.ahead:
        x = pool("last")(x)
        output = finish_forecast(outputs.logits(x), tensor, outputs, config.skip_last)
        output = with_quantiles(output, x, outputs)
    else:
        output = outputs.head(pool(config.pooling)(x))
    return keras.Model(tensor, output, name="tcn")


def _on_windows(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return a model that sees normalized windows and may have a linear shortcut."""
    import keras

    from mlzoo.layers.steps import pool

    windows = _windows.opened(config, inputs, outputs)
    x = windows.x
    for number in range(1, config.blocks + 1):
        x = _block(x, windows.x, number, config)
    x = pool("last")(x)
    y_pred = outputs.logits(x, **windows.head)
    return keras.Model(windows.raw, windows.finish(y_pred, x, outputs), name="tcn")


def _check(config: Config, inputs: Inputs, outputs: Outputs) -> None:
    _windows.check("tcn", config, inputs, outputs)
    inputs.require_sequence("tcn")
    target, usual = outputs.target, config.pooling == "mean"
    outputs.refuse(
        "tcn",
        pooling=not usual and (target.stepwise or (target.ahead and config.pooling != "last")),
        skip_last=not config.skip_last and not outputs.target.ahead,
    )
    if not config.skip_last and not outputs.channels:
        raise UsageError("tcn: skip_last has no effect where the targets are not among the inputs")
    if outputs.target.causal and not config.causal:
        raise UsageError("tcn: causal=false would see the characters that are to be predicted")


def _block(
    x: keras.KerasTensor, scaled: keras.KerasTensor, number: int, config: Config
) -> keras.KerasTensor:
    """Apply two dilated convolutions and the residual connection around them."""
    import keras

    from mlzoo.layers.blocks import activate
    from mlzoo.layers.steps import ZeroBeyond

    shortcut = x
    for part in (1, 2):
        name = f"block{number}_conv{part}"
        if not config.causal:  # else no step sees what lies beyond the end
            x = ZeroBeyond(name=f"{name}_end")([x, scaled])
        x = keras.layers.Conv1D(
            config.filters,
            config.kernel_size,
            dilation_rate=2 ** (number - 1),
            padding="causal" if config.causal else "same",
            kernel_initializer="he_normal",
            name=name,
        )(x)
        if config.layer_normalization:
            x = keras.layers.LayerNormalization(name=f"{name}_norm")(x)
        x = activate(x, config.activation, f"{name}_activation")
        if config.dropout:
            x = keras.layers.SpatialDropout1D(config.dropout, name=f"{name}_dropout")(x)
    if shortcut.shape[-1] != config.filters:
        shortcut = keras.layers.Conv1D(config.filters, 1, name=f"block{number}_shortcut")(shortcut)
    return keras.layers.Add(name=f"block{number}")([x, shortcut])


def initialize(model: keras.Model, data: Data) -> None:
    """Set what layers of windows know of the training split; see `nlinear`."""
    _windows.initialize(model, data)


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return folds for sequences with a class, or, of a series, what was best on its past."""
    if data.samples.target.ahead:
        return _windows.recipe(data, config, tuple(Config.model_fields))
    return sequence_recipe(data)
