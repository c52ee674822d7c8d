"""PatchTST: a transformer over patches of a window, for forecasts of series.

Nie, Nguyen, Sinthong and Kalagnanam, "A Time Series is Worth 64 Words: Long-term Forecasting with
Transformers" (2023). Every channel is cut into patches that overlap by half; a linear layer with a
bias of each position embeds them, the same encoder attends over the patches of each channel, and a
linear head forecasts all steps at once. What differs: the head sees the patches of all channels, so
that drivers among them help; layer normalization stands before each part; and with a linear
shortcut, which --preset sets, the network forecasts what the classic methods leave (`mlzoo models
show nlinear`). Layer i is `encoder{i}_attention` and `encoder{i}_dense1`, `_dense2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Rate, searched
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models import _windows

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

TARGETS = ("numbers per horizon",)
_LONGEST = 16
"""Steps of a patch in the paper."""


class Config(Settings):
    """Settings of patchtst."""

    patch: int = Field(0, ge=0, le=512)
    """Steps of a patch, which is even; 0: a quarter of the window, from 2 to 16."""
    width: int = Field(32, ge=4, le=1024, json_schema_extra=searched(16, 64, log=True))
    """Features of a patch."""
    heads: int = Field(4, ge=1, le=64)
    """Heads of attention, of width / heads features each."""
    layers: int = Field(2, ge=1, le=16, json_schema_extra=searched(1, 3))
    """Encoder layers."""
    expansion: int = Field(2, ge=1, le=16)
    """Units of the dense layers within an encoder layer, over those of a patch."""
    dropout: Rate = Field(0.2, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped after attention, dense layers and embedding."""
    normalize_window: Literal["auto", "none", "last", "standard"] = "auto"
    """See each window less its last value, or less its mean over its own standard deviation
    (RevIN), so that a level that drifts does no harm; auto: what --preset chooses on the past,
    standard without one, as in the paper."""
    transform: Literal["auto", "none", "log"] = "auto"
    """Work on the targets' logarithms, as where a level grows by percent; auto: what --preset
    chooses on the past, none without one."""
    shortcut: Literal["auto", "none", "linear"] = "auto"
    """Add the network to a linear forecast of the window that starts at the best classic ones;
    auto: linear with a --preset, none without one."""
    season: int = Field(0, ge=0)
    """Steps of a season whose mean over the training split the shortcut adds, in the phase
    that the window shows; 0: what --preset chooses, none without one; 1: none."""

    @property
    def skip_last(self) -> bool:
        """Return True: forecasts are relative to the window, whose level is taken away."""
        return True


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, steps, channels) to (batch, horizon, targets).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no window of one length that has the targets among its channels, a
            patch is odd or longer than the window, or the width is no multiple of the heads.
    """
    import keras

    inputs.require_sequence("patchtst")
    if not _windows.applies(inputs, outputs):
        raise UsageError(
            "patchtst needs windows of one length that have the targets among their channels; try "
            "`linear`, `rnn` or `tcn`"
        )
    patch = _patch(config, inputs.shape[0])
    if config.normalize_window == "auto":
        config = config.model_copy(update={"normalize_window": "standard"})
    _windows.check("patchtst", config, inputs, outputs)
    windows = _windows.opened(config, inputs, outputs)
    x = _embedded(windows.x, patch, config)
    for number in range(1, config.layers + 1):
        x = _encoder(x, number, config)
    x = keras.layers.LayerNormalization(name="norm")(x)
    x = keras.layers.Flatten(name="flat")(x)
    y_pred = outputs.logits(x, **windows.head)
    return keras.Model(windows.raw, windows.finish(y_pred, x, outputs), name="patchtst")


def _patch(config: Config, steps: int) -> int:
    """Return the steps of a patch."""
    patch = config.patch or max(2, min(_LONGEST, steps // 4 // 2 * 2))
    if patch % 2 or patch > steps:
        raise UsageError(
            f"patchtst: patch={patch}: choose an even number up to the window's {steps} steps "
            "(--window)"
        )
    if config.width % config.heads:
        raise UsageError(f"patchtst: width={config.width} is no multiple of heads={config.heads}")
    return patch


def _embedded(x: keras.KerasTensor, patch: int, config: Config) -> keras.KerasTensor:
    """Return the embedded patches (batch, channels, patches, width) of windows."""
    import keras

    steps, channels = x.shape[1:]
    parts = []
    for shift in (0, patch // 2):
        count = (steps - shift) // patch
        if count:
            cut = (steps - shift - count * patch, shift)
            part = keras.layers.Cropping1D(cut, name=f"shift{shift}")(x)
            split = keras.layers.Reshape((count, patch, channels), name=f"patches{shift}")
            parts.append(split(part))
    patches = keras.layers.Concatenate(axis=1, name="patches")(parts) if parts[1:] else parts[0]
    shape = (channels, patches.shape[1], config.width)
    embed = keras.layers.EinsumDense("bnpc,pd->bcnd", shape, bias_axes="nd", name="embedding")
    return keras.layers.Dropout(config.dropout, name="embedding_dropout")(embed(patches))


def _encoder(x: keras.KerasTensor, number: int, config: Config) -> keras.KerasTensor:
    """Apply attention over the patches of each channel, and two dense layers to each patch."""
    import keras

    name = f"encoder{number}"
    normal = keras.layers.LayerNormalization(name=f"{name}_norm1")(x)
    attention = keras.layers.MultiHeadAttention(
        config.heads, config.width // config.heads, attention_axes=2, name=f"{name}_attention"
    )
    y = keras.layers.Dropout(config.dropout, name=f"{name}_dropout1")(attention(normal, normal))
    x = keras.layers.Add(name=f"{name}_add1")([x, y])
    y = keras.layers.LayerNormalization(name=f"{name}_norm2")(x)
    units = config.width * config.expansion
    y = keras.layers.Dense(units, activation="gelu", name=f"{name}_dense1")(y)
    y = keras.layers.Dense(config.width, name=f"{name}_dense2")(y)
    y = keras.layers.Dropout(config.dropout, name=f"{name}_dropout2")(y)
    return keras.layers.Add(name=f"{name}_add2")([x, y])


def initialize(model: keras.Model, data: Data) -> None:
    """Set what layers of windows know of the training split; see `nlinear`."""
    _windows.initialize(model, data)


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return the transform, normalization and shortcut that were best on the past."""
    return _windows.recipe(data, config, tuple(Config.model_fields))
