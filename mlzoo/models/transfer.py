"""Transfer learning: a head on a trained network of Keras or KerasHub, frozen or tuned with it.

Yosinski et al., "How transferable are features in deep neural networks?" (2014). The backbone's
last map, or row of tokens, is averaged to `features`, which the head sees. While the whole backbone
is frozen and no sample is changed at random, the features of each image are computed once and the
head alone is trained on them, in seconds. What is tuned learns at `rate` times the head's learning
rate (Howard and Ruder 2018), with batch normalization as it was (its statistics would follow small
batches). The backbone's own preprocessing is within the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mlzoo.core.backbones import check_backbone, check_together
from mlzoo.core.configs import Settings
from mlzoo.core.setting_types import Rate, Sizes, searched
from mlzoo.data.specs import FrozenBackboneSplit, Inputs, Outputs

if TYPE_CHECKING:
    import keras


class Config(Settings):
    """Settings of transfer."""

    backbone: Annotated[str, AfterValidator(check_backbone)] = "mobilenet_v2"
    """mobilenet_v2, efficientnet_b0 to b7, efficientnet_v2_b0 to l, resnet50, densenet121, vgg16,
    ... (`mlzoo weights` lists them); or hub: and a preset of KerasHub, its name or a folder."""
    weights: str = "imagenet"
    """imagenet (of KerasHub: the preset's own), from Keras' cache (`mlzoo weights pull NAME`); a
    .h5 file; or none: random."""
    alpha: float = Field(1.0, gt=0, le=1.4)
    """Width of mobilenet and mobilenet_v2; ImageNet's weights exist for .35, .5, .75, 1."""
    train: Literal["head", "all"] | Annotated[int, Field(ge=1)] = "head"
    """head: the backbone stays as it is; a number: its last blocks are tuned too; all."""
    rate: float = Field(0.1, gt=0, le=1)
    """Learning rate of the backbone's tuned layers over that of the head."""
    freeze_norm: bool = True
    """Keep the statistics and weights of the backbone's batch normalization."""
    dense: Sizes = ()
    """Units of dense layers before the output layer, comma-separated."""
    dropout: Rate = Field(0.2, json_schema_extra=searched(0.0, 0.6))
    """Share of features dropped before the output layer."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights of the head."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        check_together(self)
        return self


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, outputs.units).

    With a frozen backbone, its `halves` are the backbone and the head.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image of one or three channels from 32x32 up; a wrong preset.
        DataError: the weights are not in the cache.
    """
    import keras

    from mlzoo.layers.blocks import dense, regularizer
    from mlzoo.layers.pretrained import attach

    inputs.require_image("transfer")
    tensor, scaled = inputs.start()
    backbone = attach(scaled, inputs.kind, config)
    layers = keras.layers
    tokens = len(backbone.output.shape) == 3
    average = layers.GlobalAveragePooling1D if tokens else layers.GlobalAveragePooling2D
    features = average(name="features")(backbone.output)
    x = features
    for number, units in enumerate(config.dense, 1):
        x = dense(x, units, "relu", name=f"dense{number}", start="auto", l2=config.l2)
    if config.dropout:
        x = keras.layers.Dropout(config.dropout, name="dropout")(x)
    output = outputs.head(x, kernel_regularizer=regularizer(0, config.l2))
    model = keras.Model(tensor, output, name="transfer")
    if config.train == "head" and outputs.join is None:  # else the head has a second input
        model.halves = FrozenBackboneSplit(
            keras.Model(tensor, features), keras.Model(features, output)
        )
    model.plain_only = True
    return model
