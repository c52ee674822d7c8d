"""Convolutions and a decoder with attention, from an image to its caption.

Xu et al., "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention" (2015),
with the attention of Luong, Pham and Manning (2015): a recurrent decoder writes the caption symbol
by symbol (words, or characters where there are too many words), attends to the cells of the last
feature map at each, and is fed its own last symbol, in training the true one (teacher forcing).
What differs: the convolutions are trained with it, and coordinates are added to their maps (Liu et
al. 2018, CoordConv), since captions say where things are; the decoder starts from the mean and the
maximum of each feature. `encoder` is the last map, `head` the decoder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.setting_types import Sizes, searched
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.models._decoders import DecoderSettings, decoded

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

TARGETS = ("classes per symbol",)
AUTO = ("image",)


class Config(DecoderSettings):
    """Settings of captioner."""

    filters: Sizes = (16, 32, 64)
    """Filters of the blocks, comma-separated; each halves the map."""
    units: int = Field(128, ge=1, le=4096, json_schema_extra=searched(32, 256, log=True))
    """Units of the decoder."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return epochs, batch size and a rate that falls to 0; what is kept is the last epoch's.

    The loss of captions that a decoder derails on grows with its confidence, so that it chooses no
    epoch. Shapes are told apart from the sixth to the eleventh epoch on, by the seed, as suddenly;
    the rate must not have fallen by then.
    """
    from mlzoo.data.contracts import Recipe

    fields = {"epochs": 20, "learning_rate": 2e-3, "batch_size": 24, "schedule": "cosine"}
    fields |= {"early_stopping": 0, "keep": "last"}
    return Recipe({**fields, "clip_norm": 1.0}, reason="captions")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, length, symbols).

    Its `twin` takes the true symbols too.

    Args:
        config: the model's settings.
        inputs: specification of the images.
        outputs: specification of the captions.

    Raises:
        UsageError: a sample is no image, or is smaller than the blocks need.
    """
    import keras

    from mlzoo.layers.convolutions import require_sides
    from mlzoo.layers.grids import GridCoordinates

    inputs.require_image("captioner")
    require_sides(inputs.shape, "captioner", 2 ** len(config.filters))
    tensor, x = inputs.start()
    # Beside coordinates, pixels of little contrast would weigh next to nothing.
    x = keras.layers.BatchNormalization(momentum=0.9, name="contrast")(x)
    for number, width in enumerate(config.filters, 1):
        x = GridCoordinates(name=f"block{number}_coordinates")(x)
        for part, stride in ((1, 2), (2, 1)):
            name = f"block{number}_conv{part}"
            x = keras.layers.Conv2D(width, 3, stride, "same", use_bias=False, name=name)(x)
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"block{number}_norm{part}")(x)
            x = keras.layers.Activation("relu", name=f"block{number}_activation{part}")(x)
    x = keras.layers.Activation("linear", name="encoder")(x)
    memory = keras.layers.Reshape((-1, config.filters[-1]), name="cells")(x)
    # The largest features say what there is somewhere, which the mean over all cells dilutes.
    pooled = [
        keras.layers.GlobalAveragePooling1D(name="context_average")(memory),
        keras.layers.GlobalMaxPooling1D(name="context_max")(memory),
    ]
    context = keras.layers.Concatenate(name="context")(pooled)
    return decoded("captioner", config, config.units, outputs, tensor, memory, context)
