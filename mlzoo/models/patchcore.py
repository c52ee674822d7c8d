"""PatchCore: distance of patch features to the nearest features of normal images.

Roth, Pemula, Zepeda, Schoelkopf, Brox and Gehler, "Towards Total Recall in Industrial Anomaly
Detection" (2022). Features of two resolutions of a frozen network, each averaged over 3x3 places,
are compared with a bank of those of normal training images: a coreset that leaves none of them far
(greedy k-center). The anomaly map is the squared distance to the nearest, enlarged to the image's
size; its largest value is the image's score. What differs: the score is not weighted by the
neighbors of the nearest feature, and the map is not smoothed. Without weights of a trained
network a small encoder learns on the training images by how many quarter turns each was rotated
(Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by Predicting Image
Rotations", 2018). With `patches=false` an image has one feature, its whole coarse map, as
nearest-neighbor detectors on features of whole images do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from mlzoo.core.backbones import check_backbone
from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras
    import numpy as np

    from mlzoo.data.samples import Data

TARGETS = ("inputs per score",)
_BACKBONE, _LEAST_SIDE = "mobilenet_v2", 64
_PATCHES = 20_000
"""Patches of training images from which the bank is chosen, at most."""
_BATCH, _RATE = 32, 1e-3
_OWN = ("auto", "rotation")


class Config(Settings):
    """Settings of patchcore."""

    backbone: str = "auto"
    """rotation: a small encoder that is trained here; the name of a trained network (`mlzoo
    weights`); auto: mobilenet_v2 where its weights are in the cache and images have 64 pixels a
    side, else rotation."""
    weights: str = "imagenet"
    """Weights of a trained network: imagenet, a .h5 file, or none: random."""
    patches: bool = True
    """Compare patches; false: whole images, which finds what is odd as a whole, and nowhere."""
    bank: int = Field(1000, ge=1, le=100_000)
    """Features of normal images that are kept."""
    filters: int = Field(16, ge=1, le=512)
    """Filters of the encoder's first level; each of the two others has twice as many."""
    epochs: int = Field(3, ge=0, le=1000)
    """Passes over the training images in which the encoder is trained."""

    @field_validator("backbone")
    @classmethod
    def _known(cls, value: str) -> str:
        return value if value in _OWN else check_backbone(value)


@dataclass(frozen=True)
class _Backbone:
    """Settings of a frozen backbone."""

    backbone: str
    weights: str
    alpha: float = 1.0
    train: str = "head"
    rate: float = 0.1
    freeze_norm: bool = True


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, height, width, channels) to maps (batch, height, width, 1).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: a sample is no image, or one too small.
        DataError: the weights of the backbone that was named are not in the cache.
    """
    import keras

    from mlzoo.layers.nearest_features import NearestFeature

    inputs.require_image("patchcore")
    height, width = inputs.shape[:2]
    if min(height, width) < 8:
        raise UsageError(f"patchcore needs images from 8x8 up, these are {height}x{width}")
    tensor, scaled = inputs.start()
    frozen = _pretrained(config, scaled, inputs)
    fine, coarse = _encoder(scaled, config.filters) if frozen is None else frozen
    layers = keras.layers
    if config.patches:
        rows, columns = fine.shape[1:3]
        near = [
            layers.AveragePooling2D(3, strides=1, padding="same", name=f"{name}_mean")(each)
            for name, each in (("fine", fine), ("coarse", coarse))
        ]
        near[1] = layers.Resizing(rows, columns, name="coarse_resized")(near[1])
        features = layers.Concatenate(name="features")(near)
    else:
        pooled = layers.AveragePooling2D(2, padding="same", name="coarse_mean")(coarse)
        features = layers.Reshape((1, 1, prod(pooled.shape[1:])), name="features")(pooled)
    distances = NearestFeature(config.bank, name="nearest")(features)
    resized = layers.Resizing(height, width, dtype="float32", name="output")(distances)
    model = keras.Model(tensor, resized, name="patchcore")
    model.plain_only = True
    model.settings = config
    if frozen is None:
        pooled = layers.GlobalAveragePooling2D(name="rotation_mean")(coarse)
        turns = layers.Dense(4, activation="softmax", name="rotation")(pooled)
        model.rotations = _Rotations(keras.Model(tensor, turns))
    for layer in model.layers:
        layer.trainable = False  # Only telling turns apart trains the encoder.
    return model


@dataclass(frozen=True)
class _Rotations:
    """The classifier of quarter turns; as an attribute it would count as a layer of the model."""

    model: keras.Model


def _pretrained(
    config: Config, scaled: keras.KerasTensor, inputs: Inputs
) -> tuple[keras.KerasTensor, keras.KerasTensor] | None:
    """Return the maps of two resolutions of a trained network; None: one is to be trained."""
    from mlzoo.layers.pretrained import attach, levels_of, pretrained

    auto = config.backbone == "auto"
    small = min(inputs.shape[:2]) < _LEAST_SIDE or inputs.shape[-1] not in (1, 3)
    if config.backbone == "rotation" or (auto and (small or config.weights == "none")):
        return None
    settings = _Backbone(_BACKBONE if auto else config.backbone, config.weights)
    if auto:
        try:
            pretrained(settings)
        except DataError:
            return None
    backbone = attach(scaled, inputs.kind, settings)
    names = [name for name in levels_of(backbone) if name is not None]
    fine, coarse = names[1:3] if len(names) > 3 else names[-2:]
    return backbone.get_layer(fine).output, backbone.get_layer(coarse).output


def _encoder(x: keras.KerasTensor, filters: int) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return maps of half and a quarter of an image's sides."""
    import keras

    maps = []
    for level in range(1, 4):
        if level > 1:
            x = keras.layers.MaxPooling2D(2, padding="same", name=f"pool{level}")(x)
        for number in (1, 2):
            name, width = f"level{level}_conv{number}", filters * 2 ** (level - 1)
            x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name=name)(x)
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
            x = keras.layers.ReLU(name=f"{name}_activation")(x)
        maps.append(x)
    return maps[1], maps[2]


def initialize(model: keras.Model, data: Data) -> None:
    """Train the encoder where there is none, and store features of normal training images."""
    import keras
    import numpy as np

    from mlzoo.layers.nearest_features import coreset

    config: Config = model.settings
    rng = np.random.default_rng(0)
    how = "a trained backbone"
    if hasattr(model, "rotations"):
        for layer in model.layers:
            layer.trainable = True
        accuracy = _learn_rotations(model.rotations.model, data, config.epochs, rng)
        how = f"an encoder that tells {accuracy:.0%} of quarter turns"
    for layer in model.layers:
        layer.trainable = False
    encoder = keras.Model(model.inputs, model.get_layer("features").output)
    each = max(1, -(-_PATCHES // len(data.train)))
    kept = []
    for start in range(0, len(data.train), _BATCH):
        images = data.train.inputs(np.arange(start, min(start + _BATCH, len(data.train))))
        maps = np.asarray(encoder.predict_on_batch(images))
        for patches in maps.reshape(len(maps), -1, maps.shape[-1]):
            kept.append(patches[rng.permutation(len(patches))[:each]])
    features = np.concatenate(kept)
    chosen = coreset(features, config.bank, rng)
    model.get_layer("nearest").store(features[chosen])
    model.solved = f"{len(chosen):,} of {len(features):,} features stored, of {how}"


def _learn_rotations(
    network: keras.Model, data: Data, epochs: int, rng: np.random.Generator
) -> float:
    """Train a network to tell quarter turns; return its accuracy in the last epoch."""
    import keras
    import numpy as np

    optimizer = keras.optimizers.Adam(_RATE)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    height, width = data.inputs.shape[:2]
    turns = np.arange(4) if height == width else np.array([0, 2])
    accuracy = 1 / len(turns)
    for _ in range(epochs):
        network.reset_metrics()
        order = rng.permutation(len(data.train))
        for start in range(0, len(order), _BATCH):
            images = data.train.inputs(order[start : start + _BATCH])
            labels = rng.choice(turns, len(images))
            turned = np.stack([np.rot90(x, k) for x, k in zip(images, labels, strict=True)])
            accuracy = network.train_on_batch(turned, labels, return_dict=True)["accuracy"]
    return float(accuracy)
