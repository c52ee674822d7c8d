"""Augmented copies on disk, for tools that do not augment while they train.

Beside the images lies `augmented.csv`: which original each file is a copy of, and which transforms
made it. `mlzoo train` reads it: a copy stays in its original's part, and parts to validate and to
test on hold no copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.policies import Policy
from mlzoo.data.quality.duplicates import MANIFEST
from mlzoo.drawing.palette import class_colors, write_mask
from mlzoo.transforms.augmenter import image_form
from mlzoo.transforms.choosing import choose
from mlzoo.transforms.images import ImageChanges

if TYPE_CHECKING:
    from mlzoo.core.configs import RunConfig
    from mlzoo.data.samples import Samples

Progress = Callable[[int, int, str], Any]


def write(
    config: RunConfig, out: Path, copies: int, progress: Progress | None = None
) -> tuple[int, Policy]:
    """Write every image of a folder and augmented copies of it, with masks, as PNG files.

    Images are written as they are fed to a network: in one size where they are resized. Where the
    data bring parts of their own, those to validate and to test on get no copies.

    Args:
        config: data, how they are read, `augment` and `seed`.
        out: a folder that is not there yet.
        copies: of each image.
        progress: hears of it.

    Returns:
        How many files were written, and the policy.

    Raises:
        UsageError: the folder exists, or the policy changes nothing or mixes images.
        DataError: the data are no images in files.
    """
    from mlzoo.data import loading
    from mlzoo.data.samples import Part

    if out.exists():
        raise UsageError(f"{out} exists already; name a folder that is not there yet")
    samples = loading.read(config, progress)
    if samples.kind != "image" or samples.reader.source not in ("image_folder", "image_masks"):
        raise DataError(f"{config.data} is no folder of images; copies are made of such alone")
    policy = choose(config.augment, Part(samples, np.arange(len(samples))))
    if not policy.steps or policy.mixes:
        what = "mixes images of a batch" if policy.mixes else "changes nothing"
        raise UsageError(f"--policy {policy.name} {what}, so that there are no copies to write")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        rows = _write_all(samples, policy, config.seed, partial, copies, progress)
        files.write_text(partial / MANIFEST, files.csv_text(rows))
        files.write_text(partial / "augmentation.yaml", policy.text(f"augmentation {policy.name}"))
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return len(rows), policy


def _write_all(
    samples: Samples,
    policy: Policy,
    seed: int,
    out: Path,
    copies: int,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    from mlzoo.data.samples import Part

    whole = Part(samples, np.arange(len(samples)))
    dense = samples.target.pixel_class
    colors = class_colors(samples.reader.class_colors, len(samples.class_names)) if dense else None
    if dense:
        files.write_text(out / "classes.txt", "\n".join(samples.class_names) + "\n")
    changes: dict[tuple[int, ...], ImageChanges] = {}
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    for index in range(len(samples)):
        image = whole.image(index)
        mask = whole.target(index) if dense else None
        if image.shape not in changes:
            changes[image.shape] = ImageChanges(policy.steps, image_form(samples, image.shape))
        change = changes[image.shape]
        name = _free(_place(samples, index), taken)
        part = "train" if samples.given_parts is None else str(samples.given_parts[index])
        for copy in range(copies + 1 if part == "train" else 1):
            made, moved, said = image, mask, ""
            if copy:
                made, moved = change(image, mask, [seed, copy, index])
                said = "; ".join(change.applied())
            file = name if not copy else f"{name}__copy{copy}"
            _save(out, file, made, moved, colors)
            rows.append(
                {"file": f"{file}.png", "original": f"{name}.png", "copy": copy, "transforms": said}
            )
        if progress is not None:
            progress(index + 1, len(samples), "writing copies")
    return rows


def _place(samples: Samples, index: int) -> str:
    """Where an image goes, without suffix: its own place, images with masks under images/."""
    path = PurePosixPath(samples.name_of(index)).with_suffix("")
    if not samples.target.pixel_class:
        return path.as_posix()
    inner = [each for each in path.parts if each != "images"]
    first = [] if samples.given_parts is None else [str(samples.given_parts[index])]
    return "/".join([*first, "images", *inner[len(first) :]])


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where a.jpg and a.png would be one."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    taken.add(found)
    return found


def _save(
    out: Path, name: str, image: np.ndarray, mask: np.ndarray | None, colors: np.ndarray | None
) -> None:
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(image.shape[-1])
    if order is None:
        raise DataError(f"PNG files can't hold {image.shape[-1]} channels")
    path = out / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., order]))[1]
    files.write_bytes(path, encoded.tobytes())
    if mask is not None and colors is not None:
        folders = name.split("/")
        folders[folders.index("images")] = "masks"
        write_mask(out / f"{'/'.join(folders)}.png", mask, colors)
