"""U-Net: a contracting and an expanding path with connections between them, for masks.

Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation"
(2015). What differs: convolutions keep the map's size (the paper's don't pad), so that the mask
is as large as the image; batch normalization (Ioffe and Szegedy 2015); 16 filters and 3 levels by
default, where the paper has 64 and 4. Images of any height and width: they are mirrored to a
multiple of 2^depth, and the mask is cropped back. Fields of one dimension, images of a single row,
get kernels and pooling along that row alone. Volumes get three-dimensional convolutions (Cicek et
al., "3D U-Net", 2016); their depth is halved where it is even and at least 4. Convolution j of
level i (from 1, the finest) is `encoder{i}_conv{j}` and `decoder{i}_conv{j}`, each with `_norm{j}`
and `_activation{j}`; the coarsest level is `bottleneck`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import Activation, Rate, searched
from mlzoo.data.specs import Inputs, Outputs, TrainingModel

if TYPE_CHECKING:
    import keras

    from mlzoo.core.configs import RunConfig
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.samples import Data

AUTO = ("image",)
TARGETS = ("classes per pixel", "numbers per pixel")


class Config(Settings):
    """Settings of unet."""

    depth: int = Field(3, ge=1, le=5, json_schema_extra=searched(2, 4))
    """Number of times the map is halved; 4 in the paper."""
    filters: int = Field(16, ge=1, le=1024, json_schema_extra=searched(8, 32, log=True))
    """Filters of the first level; each level further down has twice as many; 64 in the paper."""
    convolutions: int = Field(2, ge=1, le=4)
    """Convolutions a level, on both paths."""
    batch_normalization: bool = True
    """Normalize over the batch between each convolution and its activation."""
    activation: Activation = "relu"
    """relu, leaky_relu (slope .01), prelu, elu, selu, tanh, sigmoid, linear, trainable_exponent,
    or trainable_slope."""
    dropout: Rate = Field(0.0, json_schema_extra=searched(0.0, 0.5))
    """Share of features dropped at the two coarsest levels, as at the end of the paper's."""
    stride: Literal[1, 2, 4] = 1
    """Step of a convolution before the network and of a transposed one after it: 2 or 4 lets it
    work on as many pixels as an enlarged image had before (Shi et al., "Real-time single image and
    video super-resolution using an efficient sub-pixel convolutional network", 2016)."""
    upsampling: Literal["transposed", "bilinear", "nearest"] = "transposed"
    """transposed: 2x2 transposed convolution, as in the paper; bilinear or nearest: interpolation
    and a 3x3 convolution, which leaves no checkerboard."""
    deep_supervision: bool = False
    """Train the two next coarser levels of the expanding path as well, each by a head of its own
    that is not part of the model; they count a quarter each (Isensee et al., "nnU-Net", 2021). The
    history has the means over the heads in training, and the model's own on the validation split.
    """
    mirrors: Literal["none", "horizontal", "vertical", "both"] = "none"
    """Masks: predict the mean over an image and its mirror images (test-time augmentation):
    horizontal exchanges left and right. Predictions, those of the validation split too, take twice
    as long, with both four times, and steps of training as long as before."""
    l2: float = Field(0.0, ge=0)
    """Penalty on the squared weights."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.deep_supervision and self.depth == 1:
            raise ValueError("deep_supervision has no effect with depth 1: no level is coarser")
        return self


_RESTORING = {"schedule": "cosine", "epochs": 30, "early_stopping": 0}
_ENLARGED = {"batch_normalization": False, "depth": 1, "filters": 48}
"""Settings for enlarged images: their missing pixels depend on few others, and on contrast, which
batch normalization loses (Lim et al., "Enhanced deep residual networks for single image
super-resolution", 2017)."""


def recipe(data: Data, config: RunConfig) -> Recipe:
    """Return a plan for masks, and a decaying rate for images to restore.

    Masks are planned from `--preset good` on; see `_mask_plan`. The degradation of images to
    restore is drawn anew each epoch; enlarged ones get a network that works on as many pixels as
    they had before.
    """
    from mlzoo.data.contracts import Recipe
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.models._mask_plan import PIXELS, mask_plan

    if data.inputs.depth:
        return Recipe()
    if data.samples.target.pixel_class and not config.full_batch and config.preset in PIXELS:
        return mask_plan(data.train, config)
    if not data.samples.target.restores or config.full_batch:
        return Recipe()
    reader = data.samples.reader
    how = reader.degradation if isinstance(reader, DenseReader) else None
    factor = 1 if how is None else how.factor
    settings = {**_ENLARGED, "stride": factor} if factor in (2, 4) else {}
    return Recipe(_RESTORING, settings, f"{len(data.train):,} images to restore")


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to (batch, height, width, units).

    Volumes are images of their slices, one below the other.

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image and no volume.
    """
    import keras

    from mlzoo.layers.blocks import regularizer
    from mlzoo.layers.encoders import Levels, decode, encode
    from mlzoo.layers.padding import CropLike, PadToMultiple
    from mlzoo.layers.volumes import Stack, Unstack

    inputs.require_image("unet", volumes=True)
    outputs.refuse(
        "unet",
        deep_supervision=config.deep_supervision and outputs.target.restores,
        mirrors=config.mirrors != "none" and not outputs.target.pixel_class,
    )
    if config.deep_supervision and (inputs.depth or inputs.flat):
        raise UsageError("unet: deep_supervision=true is for images; leave it out")
    if inputs.depth and config.stride > 1:
        raise UsageError(f"unet: stride={config.stride} is for images; leave it out for volumes")
    if inputs.depth and config.mirrors != "none":
        raise UsageError(f"unet: mirrors={config.mirrors} is for images; leave it out for volumes")
    shared = config.model_dump(exclude={"stride", "deep_supervision", "mirrors"})
    levels = Levels(**shared, flat=inputs.flat)
    tensor, scaled = inputs.start(any_size=True)
    axes = (2,) if inputs.flat else (1, 2)
    start = scaled
    if inputs.depth:
        start, axes = Unstack(inputs.depth, name="volume")(scaled), (2, 3)
    x = PadToMultiple(config.stride * 2**config.depth, axes, name="pad")(start)
    if config.stride > 1:
        step = (1 if inputs.flat else config.stride, config.stride)
        kernel = (1 if inputs.flat else 2 * config.stride, 2 * config.stride)
        x = keras.layers.Conv2D(config.filters, kernel, step, padding="same", name="shrink")(x)
    x, skips = encode(x, levels)
    seen: list[keras.KerasTensor] = []
    x = decode(x, skips, levels, seen=seen)
    if config.stride > 1:
        x = keras.layers.Conv2DTranspose(config.filters, step, step, name="enlarge")(x)
    x = CropLike(name="crop")([x, start])
    if inputs.depth:
        x = Stack(name="slices")(x)
    output = outputs.head(x, scaled, kernel_regularizer=regularizer(0, config.l2))
    model = keras.Model(tensor, output, name="unet")
    if config.deep_supervision:
        coarser = dict(enumerate(seen[-2::-1][:2], start=2))
        model.twin = _supervised(model, coarser, start, config, outputs)
    return model if config.mirrors == "none" else _mirrored(model, scaled, config.mirrors)


def _mirrored(model: keras.Model, image: keras.KerasTensor, mirrors: str) -> keras.Model:
    """Return the model that sees mirror images too, and is trained as the one that does not.

    Args:
        model: from raw images to probabilities.
        image: scaled, what follows which is repeated.
        mirrors: which images are.
    """
    import keras

    from mlzoo.layers.mirrors import BODY, mean_over_mirrors

    body = keras.Model(image, model.output, name=BODY)
    mean = mean_over_mirrors(body, image, mirrors)
    mirrored = keras.Model(model.input, mean, name="unet")
    mirrored.twin = getattr(model, "twin", TrainingModel(model))
    return mirrored


def _supervised(
    model: keras.Model,
    coarser: dict[int, keras.KerasTensor],
    image: keras.KerasTensor,
    config: Config,
    outputs: Outputs,
) -> TrainingModel:
    """Return the model that is trained on its own outputs, twice, and on those of coarser levels.

    Args:
        model: with a layer `head`.
        coarser: features by level, from 2, each of half the size.
        image: that outputs are cut to the size of.
        config: the model's settings.
        outputs: specification of the predictions.
    """
    import keras

    from mlzoo.layers.blocks import regularizer
    from mlzoo.layers.members import FoldMembers, Members
    from mlzoo.layers.padding import CropLike
    from mlzoo.layers.upsampling import BilinearUp

    finest = model.get_layer("head").output
    logits = [finest, finest]
    for level, features in coarser.items():
        penalty = regularizer(0, config.l2)
        each = outputs.logits(features, name=f"head{level}", kernel_regularizer=penalty)
        for step in range(level - 1 + config.stride.bit_length() - 1):
            each = BilinearUp([1, 2], name=f"enlarge{level}_{step}")(each)
        logits.append(CropLike(name=f"crop{level}")([each, image]))
    folded = FoldMembers(name="heads_fold")(Members(name="heads")(logits))
    twin = keras.Model(model.inputs, outputs.finish(folded), name="unet")
    return TrainingModel(twin, members=len(logits))
