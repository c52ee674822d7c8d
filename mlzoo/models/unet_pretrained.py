"""U-Net whose contracting path is a trained network of Keras or KerasHub, frozen or tuned along.

Iglovikov and Shvets, "TernausNet: U-Net with VGG11 Encoder Pre-Trained on ImageNet for Image
Segmentation" (2018), with any backbone whose maps halve exactly. Connections leave the last layer
of each size; the finest one is the image itself. Images of any height and width: they are mirrored
to a multiple of 32, and the mask is cropped back. The expanding path is that of `unet`, and the
backbone's own preprocessing is within the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mlzoo.core.backbones import UNPADDED, check_backbone, check_together
from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

TARGETS = ("classes per pixel", "numbers per pixel")


class Config(Settings):
    """Settings of unet_pretrained."""

    backbone: Annotated[str, AfterValidator(check_backbone)] = "mobilenet_v2"
    """mobilenet_v2, efficientnet_b0 to b7, resnet50, densenet121, vgg16, ... (`mlzoo weights`); or
    hub: and a preset of KerasHub, its name or a folder."""
    weights: str = "imagenet"
    """imagenet (of KerasHub: the preset's own), from Keras' cache (`mlzoo weights pull NAME`); a
    .h5 file; or none: random."""
    alpha: float = Field(1.0, gt=0, le=1.4)
    """Width of mobilenet and mobilenet_v2; ImageNet's weights exist for .35, .5, .75, 1."""
    train: Literal["head", "all"] | Annotated[int, Field(ge=1)] = "head"
    """head: the expanding path alone; a number: the backbone's last blocks too; all."""
    rate: float = Field(0.1, gt=0, le=1)
    """Learning rate of the backbone's tuned layers over that of the rest."""
    freeze_norm: bool = True
    """Keep the statistics and weights of the backbone's batch normalization."""
    filters: int = Field(16, ge=1, le=256, json_schema_extra=searched(8, 32, log=True))
    """Filters of the finest level of the expanding path; each level down has twice as many."""
    upsampling: Literal["transposed", "bilinear", "nearest"] = "bilinear"
    """Enlarges maps by a transposed convolution, or interpolation and a convolution."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.backbone in UNPADDED:
            raise ValueError(f"the maps of {self.backbone} do not halve exactly; choose another")
        check_together(self)
        return self


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, height, width, units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image of one or three channels; a backbone without maps.
        DataError: the weights are not in the cache.
    """
    import keras

    from mlzoo.layers.encoders import Levels, decode
    from mlzoo.layers.padding import CropLike, PadToMultiple
    from mlzoo.layers.pretrained import attach, levels_of

    inputs.require_image("unet_pretrained")
    tensor, scaled = inputs.start(any_size=True)
    padded = PadToMultiple(32, name="pad")(scaled)
    backbone = attach(padded, inputs.kind, config)
    if len(backbone.output.shape) != 4:
        raise UsageError(f"{config.backbone} gives a row of tokens, no map; choose another")
    skips = [name and backbone.get_layer(name).output for name in levels_of(backbone)]
    levels = Levels(len(skips), config.filters, upsampling=config.upsampling)
    x = decode(backbone.output, [padded, *skips[:-1]], levels)
    x = CropLike(name="crop")([x, scaled])
    model = keras.Model(tensor, outputs.head(x, scaled), name="unet_pretrained")
    model.plain_only = True
    return model
