"""U-Net with one encoder and two decoders, for fields such as the velocities around a body.

The arrangement of Ribeiro et al., "DeepCFD: Efficient Steady-State Laminar Flow Approximation
with Deep Convolutional Neural Networks" (2020): from a signed distance function to fields, one
encoder for all and a decoder for each. What differs: two decoders, batch normalization in place
of weight normalization, and a loss over the values that count alone, so that the body's inside
asks nothing of the network. With more than two fields the first decoder has the first half of
them, rounded up. Levels are called as in `unet`, those of the decoders `first_decoder{i}` and
`second_decoder{i}`. Images of any height and width: they are mirrored to a multiple of 2^depth,
and the fields are cropped back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Activation, searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TARGETS = ("numbers per pixel",)


class Config(Settings):
    """Settings of unet_two_decoders."""

    depth: int = Field(3, ge=1, le=5, json_schema_extra=searched(2, 4))
    """Number of times the map is halved."""
    filters: int = Field(16, ge=1, le=1024, json_schema_extra=searched(8, 32, log=True))
    """Filters of the first level; each level further down has twice as many."""
    convolutions: int = Field(2, ge=1, le=4)
    """Convolutions a level, on all paths."""
    batch_normalization: bool = True
    """Normalize over the batch between each convolution and its activation."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, height, width, units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image, or there is one field only.
    """
    import keras

    from mlzoo.layers.encoders import Levels, decode, encode
    from mlzoo.layers.padding import CropLike, PadToMultiple

    inputs.require_image("unet_two_decoders")
    if outputs.units < 2:
        raise UsageError("unet_two_decoders needs two fields or more; use unet for one")
    levels = Levels(**config.model_dump())
    tensor, scaled = inputs.start(any_size=True)
    x = PadToMultiple(2**config.depth, name="pad")(scaled)
    x, skips = encode(x, levels)
    first = -(-outputs.units // 2)
    heads = []
    for name, units in (("first", first), ("second", outputs.units - first)):
        decoded = decode(x, skips, levels, f"{name}_decoder")
        decoded = CropLike(name=f"{name}_crop")([decoded, scaled])
        heads.append(outputs.logits(decoded, units, f"{name}_head"))
    joined = keras.layers.Concatenate(name="head", dtype="float32")(heads)
    return keras.Model(tensor, outputs.finish(joined), name="unet_two_decoders")
