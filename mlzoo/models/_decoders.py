"""Settings and head that models share whose decoder writes a target symbol by symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Rate, searched
from mlzoo.data.specs import Outputs, TrainingModel

if TYPE_CHECKING:
    import keras


class DecoderSettings(Settings):
    """Settings of a recurrent decoder; `units` is for the models, which differ in its default."""

    cell: Literal["gru", "lstm"] = Field("gru", json_schema_extra=searched(choices=("gru", "lstm")))
    """Kind of recurrent layer."""
    embedding: int = Field(32, ge=1, le=1024)
    """Size of the vector that stands for a symbol of the target."""
    dropout: Rate = Field(0.0, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped before the output layer."""
    teacher_forcing: bool = True
    """Feed the decoder the true last symbol in training, not its own."""


def decoded(
    name: str,
    config: DecoderSettings,
    units: int,
    outputs: Outputs,
    tensor: Any,
    memory: Any,
    context: Any,
    memory_mask: Any = None,
) -> keras.Model:
    """Return the model whose layer `head` decodes what is read; its `twin` takes true symbols too.

    Args:
        name: of the model.
        config: the decoder's settings.
        units: of the decoder.
        outputs: specification of the targets.
        tensor: the model's input.
        memory: (batch, cells, features), attended to at each symbol.
        context: (batch, features), from which the decoder's state begins.
        memory_mask: (batch, cells), True where a cell is attended to; None: everywhere.
    """
    import keras

    from mlzoo.layers.attention_decoder import AttentionDecoder

    (length,) = outputs.shape
    decoder = AttentionDecoder(
        config.cell,
        units,
        config.embedding,
        outputs.units,
        length,
        config.dropout,
        dtype="float32",
        name="head",
    )
    alone = outputs.finish(decoder(memory, context, memory_mask=memory_mask))
    model = keras.Model(tensor, alone, name=name)
    if config.teacher_forcing:
        truth = keras.Input((length,), name="truth")
        taught = outputs.finish(decoder(memory, context, truth, memory_mask=memory_mask))
        model.twin = TrainingModel(keras.Model([tensor, truth], taught, name="taught"), "targets")
    return model
