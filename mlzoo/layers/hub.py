"""Backbones of KerasHub (`mlzoo[hub]`): a preset's network, and how it scales images.

A preset is a folder as `save_to_preset` writes it: config.json, model.weights.h5, and the
image_converter.json that says what images are multiplied by and what is added. Named ones lie in
Keras' cache, where `pull` puts them; nothing is downloaded unless asked for.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from mlzoo import registry
from mlzoo.backbones import HUB_FAMILIES, keras_home
from mlzoo.errors import DataError, UsageError
from mlzoo.files import disk_errors

_PROBE = 4
"""Pixels a side of the image that tells whether a converter only multiplies and adds."""


def library() -> Any:
    """KerasHub. Raises UsageError where it is not installed."""
    try:
        import keras_hub
    except ImportError as error:
        raise UsageError(
            f"backbones of KerasHub need what is missing here ({error}); install it with "
            "`pip install mlzoo[hub]`"
        ) from None
    return keras_hub


def presets() -> dict[str, dict[str, Any]]:
    """KerasHub's presets of networks for images by name: family, params, handle at Kaggle."""
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
    """What images from 0 to 255 are multiplied by and what is added, a number or one a channel.

    Raises:
        UsageError: the preset doesn't say, or does more than that.
        DataError: it isn't here.
    """
    folder, hub = _folder(preset), library()
    if not (folder / "image_converter.json").is_file():
        raise UsageError(
            f"{folder} has no image_converter.json, so how its images are scaled is not known; "
            "write one with keras_hub.layers.ImageConverter.save_to_preset"
        )
    with _reading(folder):
        # Of the backbone's own subclass; images are resized by --size, before the model.
        converter = hub.layers.ImageConverter.from_preset(
            str(folder), image_size=(_PROBE, _PROBE), dtype="float32"
        )
        image = np.random.default_rng(0).integers(0, 256, (1, _PROBE, _PROBE, 3))
        image = image.astype("float32")
        found = keras.ops.convert_to_numpy(converter(image))
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    if not np.allclose(found, image * scale + offset, atol=1e-4):
        raise UsageError(f"the {type(converter).__name__} of {folder} does more than scale images")
    return {"scale": scale, "offset": offset}


def network(preset: str, weights: bool, shape: tuple[int | None, ...]) -> keras.Model:
    """A preset's backbone, from scaled images to maps, the last of which counts, or to tokens.

    Args:
        preset: a folder, or the name of one in Keras' cache.
        weights: whether to load its own; else they are random.
        shape: (height, width, 3) of the images; None where they are of any size.

    Raises:
        UsageError: it is no network for images, or only for images of another size.
        DataError: it isn't here, or is damaged.
    """
    folder, hub = _folder(preset), library()
    with _reading(folder):
        own = json.loads((folder / "config.json").read_text())["config"].get("image_shape")
    more = {}
    if own and None not in own and tuple(own) != shape:
        size = f"{own[0]}x{own[1]}"
        if None in shape:
            raise UsageError(f"hub:{preset} takes images of one size ({size}) alone")
        more["image_shape"] = shape
    try:
        with _reading(folder):
            found = hub.models.Backbone.from_preset(str(folder), load_weights=weights, **more)
    except DataError as error:
        if not more:
            raise
        raise UsageError(
            f"hub:{preset} was made for images of {size}, these are {shape[0]}x{shape[1]}; "
            f"try --size {own[0]} ({error})"
        ) from error
    ranks = {len(output.shape) for output in found.outputs}
    if [len(tensor.shape) for tensor in found.inputs] != [4] or ranks not in ({3}, {4}):
        raise UsageError(
            f"hub:{preset} ({type(found).__name__}) is no network from an image to a map or a row "
            "of tokens; `mlzoo weights --hub` lists those that are"
        )
    return found


def describes_itself(layer: keras.layers.Layer) -> bool:
    """Whether a layer can be made again from its configuration, as a saved model's must.

    Those of some transformers (of ViT, DeiT, Swin and MiT in 0.32) can't: such a backbone is kept
    whole, as one layer.
    """
    try:
        type(layer).from_config(layer.get_config())
    except (TypeError, ValueError):
        return False
    return True


def _folder(preset: str) -> Path:
    path = Path(preset).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UsageError(f"{path.resolve()} is no preset of KerasHub: it has no config.json")
        return path
    if Path(preset).name != preset:
        raise UsageError(f"hub:{preset}: there is no folder {path.resolve()}")
    if not (_cached(preset) / "config.json").is_file():
        raise DataError(
            f"KerasHub's {preset} is not here; fetch it with `mlzoo weights pull hub:{preset}`, "
            f"or copy its files into {_cached(preset)}, or name a folder that has them"
        )
    return _cached(preset)


def _cached(preset: str) -> Path:
    return keras_home() / "hub" / preset


@contextlib.contextmanager
def _reading(folder: Path) -> Any:
    """Say which preset it is whose files can't be read, or only in part."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Skipping nested container")
            yield
    except (ValueError, OSError, KeyError, TypeError, AttributeError, UserWarning) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise DataError(
            f"{folder} can't be read as a preset of KerasHub: {reason[:300]}"
        ) from error


def pull(preset: str) -> Path:
    """Download a named preset into Keras' cache, unless it is there; its folder.

    Kaggle's checksums are compared. What is fetched in part is not left behind.

    Raises:
        UsageError: KerasHub has no such network for images.
        DataError: it can't be reached; says what to do offline.
    """
    known = presets()
    if preset not in known:
        unknown = registry.unknown("preset", preset, known)
        raise UsageError(f"{unknown}; `mlzoo weights --hub` lists them all")
    folder = _cached(preset)
    if (folder / "config.json").is_file():
        return folder
    import kagglehub

    handle, part = known[preset]["handle"], folder.with_name(f".{preset}.part")
    with disk_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            kagglehub.model_download(handle, output_dir=str(part))
        shutil.rmtree(part / ".complete", ignore_errors=True)
        part.rename(folder)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        raise DataError(
            f"{preset} can't be fetched ({reason[:300]}); to use it offline, copy the files of "
            f"https://www.kaggle.com/models/{handle} into {folder}"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder
