"""Backbones of `keras.applications` and KerasHub, with the preprocessing they were trained with.

A backbone is built on the model's own tensors, so its layers belong to the model: explanations,
the receptive field and exports see them all, except KerasHub networks that must stay one layer.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import keras
from keras import ops

from mlzoo.core.backbones import BACKBONES, LEAST, WIDE, keras_home, preset_of
from mlzoo.core.errors import DataError, UsageError, raise_disk_full
from mlzoo.core.files import disk_errors, expand, real_path
from mlzoo.core.progress import terminal

_SIDE = 224
_MOMENTUM = 0.9
"""Of batch normalization that is trained, as in our own models; .99 adapts too slowly."""
_RESAMPLED = ("DINOV2Embedding",)
"""KerasHub layers that are resampled when saved, so training them would not round-trip."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE = (103.939, 116.779, 123.68)


class BackboneSettings(Protocol):
    """Backbone settings, as declared by model plug-ins."""

    @property
    def backbone(self) -> str:
        """Name of a backbone in `mlzoo.core.backbones`."""
        ...

    @property
    def weights(self) -> str:
        """imagenet, none, or a file."""
        ...

    @property
    def alpha(self) -> float:
        """Width of mobilenets."""
        ...

    @property
    def train(self) -> Any:
        """head, all, or a number of blocks."""
        ...

    @property
    def rate(self) -> float:
        """Learning rate of the backbone relative to that of the head."""
        ...

    @property
    def freeze_norm(self) -> bool:
        """Keep batch normalization frozen."""
        ...


@keras.saving.register_keras_serializable(package="mlzoo")
class BackboneInput(keras.layers.Layer):
    """Preprocessing of a backbone: images (batch, height, width, 1 or 3) to 3 scaled channels.

    Args:
        mode: one of `mlzoo.core.backbones`: tf, torch, caffe or bytes.
        standardised: inputs have mean 0 and standard deviation 1, else they are from 0 to 1.
        scale: factor of values from 0 to 255, one number or one per channel.
        offset: added after scaling, one number or one per channel.
    """

    def __init__(
        self,
        mode: str,
        standardised: bool = False,
        scale: float | Sequence[float] = 1.0,
        offset: float | Sequence[float] = 0.0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.mode, self.standardised = mode, standardised
        self.scale, self.offset = scale, offset

    def call(self, x: Any) -> Any:
        """Return three scaled channels."""
        x = ops.cast(x, "float32")
        if x.shape[-1] == 1:
            x = ops.repeat(x, 3, axis=-1)
        if self.standardised:
            x = x * sum(_STD) / 3 + sum(_MEAN) / 3
        if self.mode == "tf":
            return x * 2 - 1
        if self.mode == "torch":
            return (x - ops.convert_to_tensor(_MEAN)) / ops.convert_to_tensor(_STD)
        x = x * 255
        if self.mode == "caffe":
            return ops.flip(x, axis=-1) - ops.convert_to_tensor(_CAFFE)
        return x * ops.convert_to_tensor(self.scale) + ops.convert_to_tensor(self.offset)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the same shape with three channels."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        arguments = ("mode", "standardised", "scale", "offset")
        return {**super().get_config(), **{name: getattr(self, name) for name in arguments}}


def attach(x: keras.KerasTensor, kind: str, settings: BackboneSettings) -> keras.Model:
    """Attach a backbone to scaled images, with weights loaded and layers frozen.

    Args:
        x: (batch, height, width, channels), from 0 to 1 if `kind` is image, else standardized.
        kind: kind of the samples.
        settings: backbone settings.

    Returns:
        A model from the image input to the last feature map, or for some KerasHub networks to
        tokens (batch, tokens, channels); its layers become layers of the model.

    Raises:
        UsageError: channels are neither one nor three, or sides too short; a wrong file.
        DataError: the weights are not in the cache.
    """
    if x.shape[-1] not in (1, 3):
        raise UsageError(
            f"{settings.backbone} needs images of one or three channels, these have {x.shape[-1]}; "
            "try --color rgb, or `cnn`"
        )
    sides = [side for side in x.shape[1:3] if side is not None]
    least = LEAST.get(settings.backbone, 32)
    if sides and min(sides) < least:
        raise UsageError(
            f"{settings.backbone} needs images from {least}x{least} up, these are "
            f"{sides[0]}x{sides[-1]}; try --size {least} or `cnn`"
        )
    if preset := preset_of(settings.backbone):
        from mlzoo.layers import hub

        scale = hub.scaling(preset)
        preprocessed = BackboneInput("bytes", kind != "image", **scale, name="preprocess")(x)
        alone = hub.network(preset, settings.weights != "none", tuple(preprocessed.shape[1:]))
        flat = all(hub.describes_itself(layer) for layer in alone.layers)
        output = _again(alone, preprocessed) if flat else alone(preprocessed)
        model = keras.Model(keras.utils.get_source_inputs(preprocessed), output)
    else:
        preprocessed = BackboneInput(
            BACKBONES[settings.backbone][1], kind != "image", name="preprocess"
        )(x)
        model = _make(
            settings,
            weights=None,
            input_shape=tuple(preprocessed.shape[1:]),
            input_tensor=preprocessed,
        )
        if settings.weights != "none":
            model.set_weights(pretrained(settings).get_weights())
    freeze(model, settings)
    return model


def _again(model: keras.Model, tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Call copies of a model's layers, with the same weights, on a tensor."""
    made: dict[int, keras.layers.Layer] = {}

    def anew(layer: keras.layers.Layer) -> keras.layers.Layer:
        if id(layer) not in made:
            made[id(layer)] = type(layer).from_config(layer.get_config())
        return made[id(layer)]

    outputs = model._run_through_graph([tensor], anew)
    for layer in model.layers:
        if layer.weights:
            made[id(layer)].set_weights(layer.get_weights())
    return outputs


def pretrained(settings: BackboneSettings) -> keras.Model:
    """Return the backbone alone for 224x224 images, with weights from the cache or a file."""
    shape = (_SIDE, _SIDE, 3)
    if settings.weights == "imagenet":
        with _from_cache(settings.backbone):
            return _make(settings, weights="imagenet", input_shape=shape)
    if settings.weights == "none":
        return _make(settings, weights=None, input_shape=shape)
    path = expand(settings.weights)
    if not path.is_file() or not path.name.endswith(".h5"):
        raise UsageError(
            f"weights={settings.weights}: write imagenet, none, or a file of weights (.h5, or "
            f".weights.h5 as Keras saves them); looked at {real_path(path)}"
        )
    model = _make(settings, weights=None, input_shape=shape)
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise UsageError(
            f"{path} holds no weights of {settings.backbone} without its top: {reason[:200]}"
        ) from error
    return model


def _make(settings: BackboneSettings, **arguments: Any) -> keras.Model:
    if settings.backbone in WIDE:
        arguments["alpha"] = settings.alpha
    make = getattr(keras.applications, BACKBONES[settings.backbone][0])
    return make(include_top=False, **arguments)


# Freezing


_NAMED = re.compile(
    r"(.*?(?:stage_\d+_)?(?:block|cell|stage)_?\d+[a-z]?|conv_[dp]w_\d+"
    r"|hierarchical_encoder_\d+_\d+)"
)
_ENDS = re.compile(r"mixed(\d+|_\d[a-c])|block\d+_\d+_ac|(normal|reduction)_concat_\w+")
"""Last layers of blocks of Inception, Inception-ResNet and NASNet, whose other layers have
generic names."""


def blocks(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Return the layers with weights of each block of a backbone, from first to last.

    Blocks are recognized by their layers' names (`block_3`, `conv4_block2`, `conv_dw_7`,
    `stage_1_block_2`), by the names of their last layers (`mixed3`, `normal_concat_4`), or as the
    repeated sublayers of one layer, as in transformers. Layers between two blocks belong to the
    earlier one; those before the first form a block of their own.
    """
    by_name: dict[str, list[keras.layers.Layer]] = {}
    ended = any(_ENDS.fullmatch(layer.name) for layer in model.layers)
    key = "stem"
    for layer in _flat(model):
        if not ended and (named := _NAMED.match(layer.name)):
            key = re.sub(r"conv_[dp]w", "conv", named[1])
        for number, (sublayer, block) in enumerate(_opened(layer)):
            key = f"{layer.name} {number}" if block else key
            if sublayer.weights:
                by_name.setdefault(key, []).append(sublayer)
        if _ENDS.fullmatch(layer.name):
            key = f"after {layer.name}"
    return list(by_name.values())


def _flat(model: keras.Model) -> list[keras.layers.Layer]:
    """Return a model's layers, with nested models replaced by their layers."""
    nested = [_flat(layer) if isinstance(layer, keras.Model) else [layer] for layer in model.layers]
    return [layer for layers in nested for layer in layers]


def _opened(layer: keras.layers.Layer) -> list[tuple[keras.layers.Layer, bool]]:
    """Return a layer, or the repeated blocks within it; and whether each is a block."""
    inner = list(layer._flatten_layers(recursive=False, include_self=False))
    kinds = [type(part) for part in inner if len(list(part._flatten_layers())) > 1]
    if sum(len(part.weights) for part in inner) < len(layer.weights):
        return [(layer, False)]
    if len(kinds) == len(set(kinds)):
        return [(layer, False)]
    return [(part, kinds.count(type(part)) > 1) for part in inner]


def freeze(model: keras.Model, settings: BackboneSettings) -> None:
    """Freeze all blocks but those that `train` names, and set the learning-rate factor of those."""
    all_blocks = blocks(model)
    count = {"head": 0, "all": len(all_blocks)}.get(settings.train, settings.train)
    if count > len(all_blocks):
        raise UsageError(
            f"train={count}: {settings.backbone} has {len(all_blocks)} blocks; write all for all "
            "of them"
        )
    for position, layers in enumerate(all_blocks):
        for layer in layers:
            layer.trainable = position >= len(all_blocks) - count
            for inner in layer._flatten_layers():
                if isinstance(inner, keras.layers.BatchNormalization):
                    inner.trainable = inner.trainable and not settings.freeze_norm
                    if inner.trainable:
                        inner.momentum = _MOMENTUM
                elif type(inner).__name__ in _RESAMPLED:
                    inner.trainable = False
            for variable in layer.trainable_variables:
                variable.rate_factor = settings.rate


def levels_of(model: keras.Model) -> list[str | None]:
    """Return the last layer of each resolution of a backbone, from half the image's sides down.

    None for a resolution that is skipped: ConvNeXt begins with a quarter of the sides.

    Raises:
        UsageError: there are none.
    """
    sides = _sides(model)
    last = model.outputs[0]._keras_history.operation.name
    last_layers: dict[int, str] = {}
    for layer in model.layers:
        side = sides.get(layer.name, 0)
        # Smaller maps than the last are the means of squeeze-and-excitation.
        if sides[last] <= side < _SPAN and _SPAN % side == 0:
            last_layers[side] = layer.name
    if not last_layers:
        raise UsageError("the maps of this backbone do not halve exactly; choose another")
    halvings = (_SPAN // min(last_layers)).bit_length()
    return [last_layers.get(_SPAN >> halving) for halving in range(1, halvings)]


_SPAN = 224


def _sides(model: keras.Model) -> dict[str, int]:
    """Return the height of each layer's map for images of 224x224 pixels."""
    heights: dict[str, int] = {}

    def follow(layer: Any) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            outputs = layer.compute_output_spec(*args, **kwargs)
            maps = [o.shape[1] for o in keras.tree.flatten(outputs) if len(o.shape) == 4]
            if maps:
                heights[layer.name] = min(maps)
            return outputs

        return called

    start = keras.KerasTensor((1, _SPAN, _SPAN, model.input_shape[-1]), model.inputs[0].dtype)
    model._run_through_graph([start], follow)
    return heights


# Weights


def _cached(origin: str, name: str, expected: str | None, folder: str) -> Path:
    path = keras_home() / folder / name
    if not path.is_file():
        raise FileNotFoundError(f"copy {origin} as {path}")
    kind = "sha256" if len(expected or "") == 64 else "md5"
    if expected and digest(path, kind) != expected:
        raise FileNotFoundError(
            f"{path} is damaged ({kind} is not {expected}); copy {origin} there again"
        )
    return path


def digest(path: Path, kind: str = "sha256") -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


@contextlib.contextmanager
def _from_cache(backbone: str) -> Iterator[None]:
    """Let Keras read weights from its cache alone, since downloads need `mlzoo weights pull`."""

    def look(fname: str, origin: str, cache_subdir: str = "models", **more: Any) -> str:
        expected = more.get("file_hash") or more.get("md5_hash")
        return str(_cached(origin, fname, expected, cache_subdir))

    try:
        with _fetching(look):
            yield
    except FileNotFoundError as error:
        raise DataError(
            f"the weights of {backbone} are not here; fetch them with `mlzoo weights pull "
            f"{backbone}`, or offline {error}; weights=none starts from random ones"
        ) from None


@contextlib.contextmanager
def _fetching(function: Any) -> Iterator[None]:
    """Replace the download function of `keras.applications`, for which there is no public API."""
    files = keras.src.utils.file_utils
    before = files.get_file
    files.get_file = function
    try:
        yield
    finally:
        files.get_file = before


def download(fname: str, origin: str, cache_subdir: str = "models", **more: Any) -> str:
    """Download a file into Keras' cache, and compare its checksum if Keras knows one.

    Args:
        fname: name of the file.
        origin: its URL.
        cache_subdir: folder within the cache.
        **more: arguments of `keras.utils.get_file`.

    Raises:
        DataError: it can't be reached, or its checksum differs; says what to do offline.
    """
    fetch = keras.src.utils.file_utils.get_file
    home = keras_home()
    with disk_errors(home):  # else Keras silently caches in /tmp
        home.mkdir(parents=True, exist_ok=True)
    try:
        # Keras prints its messages and its progress bar to stdout, which is for results.
        with contextlib.redirect_stdout(terminal()):
            return str(fetch(fname, origin, cache_subdir=cache_subdir, cache_dir=home, **more))
    except Exception as error:
        (home / cache_subdir / fname).unlink(missing_ok=True)
        raise_disk_full(error)
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise DataError(
            f"{fname} can't be fetched ({reason}); to use it offline, copy {origin} as "
            f"{home / cache_subdir / fname}"
        ) from None


def pull(settings: BackboneSettings) -> Path:
    """Download a backbone's ImageNet weights into Keras' cache, unless they are there.

    Raises:
        DataError: they can't be reached, or their checksum differs.
    """
    paths: list[str] = []
    plain = keras.src.utils.file_utils.get_file

    def fetch(fname: str, origin: str, cache_subdir: str = "models", **more: Any) -> str:
        files = keras.src.utils.file_utils
        ours, files.get_file = files.get_file, plain
        try:
            paths.append(download(fname, origin, cache_subdir, **more))
        finally:
            files.get_file = ours
        return paths[-1]

    with _fetching(fetch):
        _make(settings, weights="imagenet", input_shape=(_SIDE, _SIDE, 3))
    return Path(paths[-1])
