"""Backbones of KerasHub (`mlzoo-keras[hub]`): a preset's network and its scaling of images.

A preset is a folder as `save_to_preset` writes it: config.json, model.weights.h5, and
image_converter.json with the factor and offset of image values. Named presets are read from Keras'
cache, where `pull` puts them; nothing else downloads them.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo.core import registry
from mlzoo.core.backbones import HUB_FAMILIES, keras_home, preset_folder
from mlzoo.core.errors import DataError, UsageError, raise_disk_full
from mlzoo.core.files import disk_errors, expand, real_path
from mlzoo.core.progress import terminal

_WHOLE = ("config.json", "image_converter.json", "model*weights*")
_SIDE = 224
_PROBE = 4
"""Side in pixels of the image that shows whether a converter only multiplies and adds."""


def library() -> Any:
    """Return the module `keras_hub`; raise UsageError if it is not installed."""
    try:
        import keras_hub
    except ImportError as error:
        raise UsageError(
            f"backbones of KerasHub need what is missing here ({error}); install it with "
            "`pip install 'mlzoo-keras[hub]'`"
        ) from None
    return keras_hub


def presets() -> dict[str, dict[str, object]]:
    """Return KerasHub's image backbones by name: family, params, handle at Kaggle."""
    models = library().models
    return {
        name: {
            "family": family,
            "params": entry["metadata"]["params"],
            "handle": entry["kaggle_handle"].removeprefix("kaggle://"),
        }
        for family in HUB_FAMILIES
        for name, entry in getattr(models, f"{family}Backbone").presets.items()
    }


def scaling(preset: str) -> dict[str, Any]:
    """Return `scale` and `offset` of images from 0 to 255, each one number or one per channel.

    Raises:
        UsageError: the preset has none, or does more than scaling.
        DataError: it is not in the cache.
    """
    folder, hub = _folder(preset), library()
    if not (folder / "image_converter.json").is_file():
        raise UsageError(
            f"{folder} has no image_converter.json, so how its images are scaled is not known; "
            "write one with keras_hub.layers.ImageConverter.save_to_preset"
        )
    with _reading(folder):
        # Returns the backbone's own subclass; --size resizes images before the model.
        converter = hub.layers.ImageConverter.from_preset(str(folder), dtype="float32")
        converter.image_size = (_PROBE, _PROBE)
        image = np.random.default_rng(0).integers(0, 256, (1, _PROBE, _PROBE, 3))
        image = image.astype("float32")
        converted = keras.ops.convert_to_numpy(converter(image))
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    if converted.shape != image.shape or not np.allclose(
        converted, image * scale + offset, atol=1e-4
    ):
        raise UsageError(f"the {type(converter).__name__} of {folder} does more than scale images")
    return {"scale": scale, "offset": offset}


def network(preset: str, weights: bool, shape: tuple[int | None, ...]) -> keras.Model:
    """Return a preset's backbone, from scaled images to its smallest map or to tokens.

    Args:
        preset: a folder, or the name of a preset in Keras' cache.
        weights: load the preset's weights, else they are random.
        shape: (height, width, 3) of the images; None for a variable side.

    Raises:
        UsageError: it is not a network for images, or only for images of another size.
        DataError: it is not in the cache, or is damaged.
    """
    folder, hub = _folder(preset), library()
    with _reading(folder):
        image_shape = json.loads((folder / "config.json").read_text())["config"].get("image_shape")
    if image_shape and image_shape[2] != shape[2]:
        raise UsageError(
            f"hub:{preset} is for images of {image_shape[2]} channels, not of {shape[2]}"
        )
    more = {}
    if image_shape and None not in image_shape and tuple(image_shape) != shape:
        size = f"{image_shape[0]}x{image_shape[1]}"
        if None in shape:
            raise UsageError(
                f"hub:{preset} takes images of one size ({size}) alone, and a U-Net's are of any; "
                "choose one that does too, as hub:resnet_18_imagenet"
            )
        more["image_shape"] = shape
    if weights and not list(folder.glob("model*weights*")):
        raise DataError(f"{folder} has no model.weights.h5; copy it there, or write weights=none")
    try:
        with _reading(folder):
            backbone = hub.models.Backbone.from_preset(str(folder), load_weights=weights, **more)
    except DataError as error:
        if not more:
            raise
        raise UsageError(
            f"hub:{preset} was made for images of {size}, these are {shape[0]}x{shape[1]}; "
            f"try --size {image_shape[0]} ({error})"
        ) from error
    ranks = {len(output.shape) for output in backbone.outputs}
    if [len(tensor.shape) for tensor in backbone.inputs] != [4] or ranks not in ({3}, {4}):
        raise UsageError(
            f"hub:{preset} ({type(backbone).__name__}) is no network from an image to a map or a "
            "row of tokens; `mlzoo weights --hub` lists those that are"
        )
    if len(backbone.outputs) == 1:
        return backbone
    image = keras.KerasTensor((1, *(shape[:2] if None not in shape else (_SIDE, _SIDE)), 3))
    maps = keras.tree.flatten(backbone.compute_output_spec(image))
    smallest = min(range(len(maps)), key=lambda position: maps[position].shape[1])
    return keras.Model(backbone.inputs, backbone.outputs[smallest])


def describes_itself(layer: keras.layers.Layer) -> bool:
    """Return whether a layer can be rebuilt from its configuration, as saved models need.

    Layers of some transformers (ViT, DeiT, Swin and MiT in KerasHub 0.32) can't; such a backbone
    stays one layer.
    """
    try:
        type(layer).from_config(layer.get_config())
    except (TypeError, ValueError):
        return False
    return True


def _folder(preset: str) -> Path:
    folder = preset_folder(preset)
    if (folder / "config.json").is_file():
        return folder
    if folder.is_dir():
        raise UsageError(f"{folder} is no preset of KerasHub: it has no config.json")
    if Path(preset).name != preset:
        raise UsageError(f"hub:{preset}: there is no folder {real_path(expand(preset))}")
    raise DataError(
        f"KerasHub's {preset} is not here; fetch it with `mlzoo weights pull hub:{preset}`, or "
        f"copy its files into {folder}, or name a folder that has them"
    )


@contextlib.contextmanager
def _reading(folder: Path) -> Any:
    """Name the preset in errors if its files can't be read completely."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Skipping nested container")
            yield
    except (ValueError, OSError, KeyError, TypeError, AttributeError, UserWarning) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = " ".join(lines[:2]) or repr(error)
        raise DataError(
            f"{folder} can't be read as a preset of KerasHub: {reason[:400]}"
        ) from error


def pull(preset: str) -> Path:
    """Download a named preset into Keras' cache unless it is there, and return its folder.

    Kaggle's checksums are compared. Incomplete downloads are removed.

    Raises:
        UsageError: KerasHub has no such network for images.
        DataError: it can't be reached; says what to do offline.
    """
    known = presets()
    if preset not in known:
        unknown = registry.unknown("preset", preset, known)
        raise UsageError(f"{unknown}; `mlzoo weights --hub` lists them all")
    folder = keras_home() / "hub" / preset
    if all(list(folder.glob(pattern)) for pattern in _WHOLE):
        return folder
    if folder.exists():
        raise DataError(f"{folder} holds a preset in part; remove it, then it can be fetched")
    import kagglehub

    handle = known[preset]["handle"]
    with disk_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{preset}."))
    try:
        with contextlib.redirect_stdout(terminal()):
            downloaded = Path(kagglehub.model_download(handle, output_dir=str(partial)))
        if downloaded != partial:  # notebooks at Colab and Kaggle use other folders
            shutil.copytree(downloaded, partial, dirs_exist_ok=True)
        shutil.rmtree(partial / ".complete", ignore_errors=True)
        partial.chmod(0o755)
        partial.rename(folder)
    except Exception as error:
        raise_disk_full(error)
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise DataError(
            f"{preset} can't be fetched ({reason[:300]}); to use it offline, copy the files of "
            f"https://www.kaggle.com/models/{handle} into {folder}"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder
