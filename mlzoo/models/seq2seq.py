"""Encoder and decoder with attention, from a text to another one: dates in words to numbers.

Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks" (2014); Luong,
Pham and Manning, "Effective Approaches to Attention-based Neural Machine Translation" (2015). A
bidirectional recurrent layer reads the source; a recurrent decoder gives the target symbol by
symbol, attends to the encoder's outputs at each, and is fed its own last symbol, in training the
true one (teacher forcing). `encoder` is the layer that reads, `head` the decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._decoders import DecoderSettings, decoded

if TYPE_CHECKING:
    import keras

TARGETS = ("classes per symbol",)
AUTO = ("sequence",)


class Config(DecoderSettings):
    """Settings of seq2seq; encoder and decoder have layers of the same kind."""

    units: int = Field(96, ge=1, le=4096, json_schema_extra=searched(32, 256, log=True))
    """Units of the decoder; the encoder has half as many in each direction."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from codes (batch, steps, 1) to (batch, length, symbols).

    Its `twin` takes the true symbols too.

    Args:
        config: the model's settings.
        inputs: specification of the sources.
        outputs: specification of the targets.

    Raises:
        UsageError: a sample is no sequence.
    """
    import keras

    from mlzoo.layers.recurrent import CELLS

    inputs.require_sequence("seq2seq")
    tensor, scaled = inputs.start(any_size=True)
    half = (config.units + 1) // 2
    encoder = keras.layers.Bidirectional(
        CELLS[config.cell](half, return_sequences=True, return_state=True), name="encoder"
    )
    memory, *states = encoder(scaled)
    # Of an LSTM each direction has its output first, then its cell state.
    step = len(states) // 2
    context = keras.layers.Concatenate(name="context")([states[0], states[step]])
    # Keras hands masks on to states and outputs of a layer only where the model runs.
    mask = getattr(scaled, "_keras_mask", None)
    return decoded("seq2seq", config, config.units, outputs, tensor, memory, context, mask)
