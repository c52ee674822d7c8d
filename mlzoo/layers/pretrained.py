"""Backbones of `keras.applications` and KerasHub within our models: fed as they were trained.

A backbone is built on the model's own tensors, so its layers are the model's: explanations, the
reach of tiles and exports see them all; but for those of KerasHub that must be kept whole.
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
"""Of batch normalization that learns, as in our own models: .99 and more follow too slowly."""
_RESAMPLED = ("DINOV2Embedding",)
"""Those of KerasHub that are saved at another size than they have: what they learn would alter."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CAFFE = (103.939, 116.779, 123.68)


class Wanted(Protocol):
    """Settings of a backbone, as plug-ins declare them."""

    @property
    def backbone(self) -> str:
        """A name of `mlzoo.core.backbones`."""
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
        """The backbone's learning rate over that of the head."""
        ...

    @property
    def freeze_norm(self) -> bool:
        """Whether batch normalization stays as it is."""
        ...


@keras.saving.register_keras_serializable(package="mlzoo")
class BackboneInput(keras.layers.Layer):
    """Images (batch, height, width, 1 or 3) as a backbone was trained on: three channels, scaled.

    Args:
        mode: one of `mlzoo.core.backbones`: tf, torch, caffe or bytes.
        standardised: whether values have mean 0 and spread 1, else they are from 0 to 1.
        scale: what bytes are multiplied by, a number or one a channel.
        offset: what is added after that.
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
        """Three scaled channels."""
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
        """The same with three channels."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        own = ("mode", "standardised", "scale", "offset")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


def attach(x: keras.KerasTensor, kind: str, wanted: Wanted) -> keras.Model:
    """A backbone on scaled images (batch, height, width, channels), weights and freezing set.

    Args:
        x: from 0 to 1 where `kind` is image, else standardized.
        kind: of the samples.
        wanted: the settings.

    Returns:
        A model from the images' own input to the last map, or of some of KerasHub's to a row of
        tokens (batch, tokens, channels); its layers are to be used.

    Raises:
        UsageError: channels are neither one nor three, or sides too short; a wrong file.
        DataError: the weights are not in the cache.
    """
    if x.shape[-1] not in (1, 3):
        raise UsageError(
            f"{wanted.backbone} needs images of one or three channels, these have {x.shape[-1]}; "
            "try --color rgb, or `cnn`"
        )
    sides = [side for side in x.shape[1:3] if side is not None]
    least = LEAST.get(wanted.backbone, 32)
    if sides and min(sides) < least:
        raise UsageError(
            f"{wanted.backbone} needs images from {least}x{least} up, these are "
            f"{sides[0]}x{sides[-1]}; try --size {least} or `cnn`"
        )
    if preset := preset_of(wanted.backbone):
        from mlzoo.layers import hub

        scale = hub.scaling(preset)
        fed = BackboneInput("bytes", kind != "image", **scale, name="preprocess")(x)
        alone = hub.network(preset, wanted.weights != "none", tuple(fed.shape[1:]))
        flat = all(hub.describes_itself(layer) for layer in alone.layers)
        output = _again(alone, fed) if flat else alone(fed)
        model = keras.Model(keras.utils.get_source_inputs(fed), output)
    else:
        fed = BackboneInput(BACKBONES[wanted.backbone][1], kind != "image", name="preprocess")(x)
        model = _make(wanted, weights=None, input_shape=tuple(fed.shape[1:]), input_tensor=fed)
        if wanted.weights != "none":
            model.set_weights(pretrained(wanted).get_weights())
    freeze(model, wanted)
    return model


def _again(model: keras.Model, tensor: keras.KerasTensor) -> keras.KerasTensor:
    """What a model's layers, made anew with its weights, make of a tensor."""
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


def pretrained(wanted: Wanted) -> keras.Model:
    """The backbone alone for 224x224 images, with its weights from the cache or a file."""
    shape = (_SIDE, _SIDE, 3)
    if wanted.weights == "imagenet":
        with _from_cache(wanted.backbone):
            return _make(wanted, weights="imagenet", input_shape=shape)
    if wanted.weights == "none":
        return _make(wanted, weights=None, input_shape=shape)
    path = expand(wanted.weights)
    if not path.is_file() or not path.name.endswith(".h5"):
        raise UsageError(
            f"weights={wanted.weights}: write imagenet, none, or a file of weights (.h5, or "
            f".weights.h5 as Keras saves them); looked at {real_path(path)}"
        )
    model = _make(wanted, weights=None, input_shape=shape)
    try:
        model.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise UsageError(
            f"{path} holds no weights of {wanted.backbone} without its top: {reason[:200]}"
        ) from error
    return model


def _make(wanted: Wanted, **arguments: Any) -> keras.Model:
    if wanted.backbone in WIDE:
        arguments["alpha"] = wanted.alpha
    make = getattr(keras.applications, BACKBONES[wanted.backbone][0])
    return make(include_top=False, **arguments)


# Freezing


_NAMED = re.compile(
    r"(.*?(?:stage_\d+_)?(?:block|cell|stage)_?\d+[a-z]?|conv_[dp]w_\d+"
    r"|hierarchical_encoder_\d+_\d+)"
)
_ENDS = re.compile(r"mixed(\d+|_\d[a-c])|block\d+_\d+_ac|(normal|reduction)_concat_\w+")
"""Layers that end a block of Inception, Inception-ResNet and NASNet; few within it have names."""


def blocks(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """The layers of a backbone that have weights, a list a block, from the first to the last.

    A block is what its layers' names say: `block_3`, `conv4_block2`, `conv_dw_7`,
    `stage_1_block_2`; or ends where they say so: `mixed3`, `normal_concat_4`; or is one of the
    like layers that another consists of, as those of a transformer. What stands before the first
    or after another belongs to the block before it.
    """
    found: dict[str, list[keras.layers.Layer]] = {}
    ended = any(_ENDS.fullmatch(layer.name) for layer in model.layers)
    key = "stem"
    for layer in _flat(model):
        if not ended and (named := _NAMED.match(layer.name)):
            key = re.sub(r"conv_[dp]w", "conv", named[1])
        for number, (part, block) in enumerate(_opened(layer)):
            key = f"{layer.name} {number}" if block else key
            if part.weights:
                found.setdefault(key, []).append(part)
        if _ENDS.fullmatch(layer.name):
            key = f"after {layer.name}"
    return list(found.values())


def _flat(model: keras.Model) -> list[keras.layers.Layer]:
    """A model's layers, with those of the models among them in their places."""
    nested = [_flat(layer) if isinstance(layer, keras.Model) else [layer] for layer in model.layers]
    return [layer for layers in nested for layer in layers]


def _opened(layer: keras.layers.Layer) -> list[tuple[keras.layers.Layer, bool]]:
    """A layer, or those within one that is a row of like blocks; and whether each is a block."""
    inner = list(layer._flatten_layers(recursive=False, include_self=False))
    kinds = [type(part) for part in inner if len(list(part._flatten_layers())) > 1]
    if sum(len(part.weights) for part in inner) < len(layer.weights):
        return [(layer, False)]
    if len(kinds) == len(set(kinds)):
        return [(layer, False)]
    return [(part, kinds.count(type(part)) > 1) for part in inner]


def freeze(model: keras.Model, wanted: Wanted) -> None:
    """Leave trainable what `train` says; mark it with the share of the rate that it learns at."""
    parts = blocks(model)
    count = {"head": 0, "all": len(parts)}.get(wanted.train, wanted.train)
    if count > len(parts):
        raise UsageError(
            f"train={count}: {wanted.backbone} has {len(parts)} blocks; write all for all of them"
        )
    for place, layers in enumerate(parts):
        for layer in layers:
            layer.trainable = place >= len(parts) - count
            for inner in layer._flatten_layers():
                if isinstance(inner, keras.layers.BatchNormalization):
                    inner.trainable = inner.trainable and not wanted.freeze_norm
                    if inner.trainable:
                        inner.momentum = _MOMENTUM
                elif type(inner).__name__ in _RESAMPLED:
                    inner.trainable = False
            for variable in layer.trainable_variables:
                variable.rate_factor = wanted.rate


def levels_of(model: keras.Model) -> list[str | None]:
    """The last layer of each size of a backbone's maps, from half the image's sides down.

    None of a size that is left out, as half the sides by ConvNeXt, which begins with a quarter.

    Raises:
        UsageError: there are none.
    """
    sides = _sides(model)
    last = model.outputs[0]._keras_history.operation.name
    found: dict[int, str] = {}
    for layer in model.layers:
        side = sides.get(layer.name, 0)
        # Smaller than the last are the means that squeeze and excite.
        if sides[last] <= side < _SPAN and _SPAN % side == 0:
            found[side] = layer.name
    if not found:
        raise UsageError("the maps of this backbone do not halve exactly; choose another")
    halvings = (_SPAN // min(found)).bit_length()
    return [found.get(_SPAN >> halving) for halving in range(1, halvings)]


_SPAN = 224


def _sides(model: keras.Model) -> dict[str, int]:
    """The height that each layer's map has where the image has 224 pixels a side."""
    found: dict[str, int] = {}

    def follow(layer: Any) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            outputs = layer.compute_output_spec(*args, **kwargs)
            maps = [o.shape[1] for o in keras.tree.flatten(outputs) if len(o.shape) == 4]
            if maps:
                found[layer.name] = min(maps)
            return outputs

        return called

    start = keras.KerasTensor((1, _SPAN, _SPAN, model.input_shape[-1]), model.inputs[0].dtype)
    model._run_through_graph([start], follow)
    return found


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
    """The checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


@contextlib.contextmanager
def _from_cache(backbone: str) -> Iterator[None]:
    """Let Keras look for weights in its cache alone: nothing is downloaded unless asked for."""

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
    """Have `keras.applications` get its files through a function; by no public way, alas."""
    files = keras.src.utils.file_utils
    before = files.get_file
    files.get_file = function
    try:
        yield
    finally:
        files.get_file = before


def download(fname: str, origin: str, cache_subdir: str = "models", **more: Any) -> str:
    """Fetch a file into Keras' cache, its checksum compared where Keras knows one.

    Raises:
        DataError: it can't be reached, or its checksum is another; says what to do offline.
    """
    fetch = keras.src.utils.file_utils.get_file
    home = keras_home()
    with disk_errors(home):  # a cache that Keras can't write to it makes in /tmp, unasked
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


def pull(wanted: Wanted) -> Path:
    """Download a backbone's ImageNet weights into Keras' cache, unless they are there.

    Raises:
        DataError: they can't be reached, or are not what Keras says they are.
    """
    got: list[str] = []
    plain = keras.src.utils.file_utils.get_file

    def fetch(fname: str, origin: str, cache_subdir: str = "models", **more: Any) -> str:
        files = keras.src.utils.file_utils
        ours, files.get_file = files.get_file, plain
        try:
            got.append(download(fname, origin, cache_subdir, **more))
        finally:
            files.get_file = ours
        return got[-1]

    with _fetching(fetch):
        _make(wanted, weights="imagenet", input_shape=(_SIDE, _SIDE, 3))
    return Path(got[-1])
