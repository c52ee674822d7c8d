"""Convolutional LSTM for sequences of images: what moves and how.

Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting"
(2015). The products of an LSTM are convolutions, so that states are maps; the last layer's last
state is averaged over the map. Layer i is `conv_lstm{i}`, with `norm{i}` and, between layers, a
2x2 max pooling `pool{i}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Rate, Sizes, searched, searched_layers
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras


class Config(Settings):
    """Settings of conv_lstm."""

    filters: Sizes = Field(
        (16, 16), json_schema_extra=searched_layers("layers", (1, 2), "width", (8, 32))
    )
    """Filters of the layers, comma-separated; as many layers as numbers."""
    kernel_size: int = Field(3, ge=1, le=15)
    """Side of the kernels in pixels."""
    dropout: Rate = Field(0.0, json_schema_extra=searched(0.0, 0.5))
    """Share of the input maps dropped in each layer."""
    recurrent_dropout: Rate = 0.0
    """Share of the state maps dropped from step to step."""
    batch_normalization: bool = True
    """Normalize over the batch after each layer but the last."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if not self.filters:
            raise ValueError("filters names no layer")
        return self


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, steps, height, width, channels) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no sequence of images.
    """
    import keras

    if len(inputs.shape) != 4:
        raise UsageError(
            "conv_lstm needs sequences of images (steps, height, width, channels), but a sample "
            f"here has shape {inputs.shape}"
        )
    tensor, x = inputs.start()
    for number, filters in enumerate(config.filters, start=1):
        last = number == len(config.filters)
        x = keras.layers.ConvLSTM2D(
            filters,
            config.kernel_size,
            padding="same",
            return_sequences=not last,
            dropout=config.dropout,
            recurrent_dropout=config.recurrent_dropout,
            name=f"conv_lstm{number}",
        )(x)
        if last:
            break
        if config.batch_normalization:
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm{number}")(x)
        if min(x.shape[2:4]) >= 2:
            # Of each frame: pooling in 3-D has no float64 and no LiteRT.
            pool = keras.layers.MaxPooling2D(2)
            x = keras.layers.TimeDistributed(pool, name=f"pool{number}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(tensor, outputs.head(x), name="conv_lstm")
