"""Augmented copies on disk, for tools that do not augment during training.

`augmented.csv` beside the images records the original and the transforms of each file. `mlzoo
train` reads it: a copy stays in the split of its original, and the validation and test splits
hold no copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mlzoo.augmentation.augmenter import image_form
from mlzoo.augmentation.choosing import choose
from mlzoo.augmentation.images import ImageChanges
from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.policies import Policy
from mlzoo.data.quality.duplicates import MANIFEST
from mlzoo.drawing.palette import class_colors, write_mask

if TYPE_CHECKING:
    from mlzoo.core.configs import RunConfig
    from mlzoo.data.samples import Samples

Progress = Callable[[int, int, str], Any]


def write(
    config: RunConfig, out: Path, copies: int, progress: Progress | None = None
) -> tuple[int, Policy]:
    """Write every image of a folder and augmented copies of it, with masks, as PNG files.

    Images are written at the size at which a network receives them. If the data define their own
    splits, validation and test splits get no copies.

    Args:
        config: data and how to read them, `augment` and `seed`.
        out: a folder that does not exist yet.
        copies: number of copies of each image.
        progress: callback (done, total, activity).

    Returns:
        The number of files written, and the policy.

    Raises:
        UsageError: the folder exists, or the policy changes nothing or mixes images.
        DataError: the data are not image files.
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
) -> list[dict[str, object]]:
    from mlzoo.data.samples import Part

    whole = Part(samples, np.arange(len(samples)))
    dense = samples.target.pixel_class
    colors = class_colors(samples.reader.class_colors, len(samples.class_names)) if dense else None
    if dense:
        files.write_text(out / "classes.txt", "\n".join(samples.class_names) + "\n")
    changes: dict[tuple[int, ...], ImageChanges] = {}
    rows: list[dict[str, object]] = []
    taken: set[str] = set()
    for index in range(len(samples)):
        image = whole.image(index)
        mask = whole.target(index) if dense else None
        if image.shape not in changes:
            changes[image.shape] = ImageChanges(policy.steps, image_form(samples, image.shape))
        change = changes[image.shape]
        name = _free(_relative_path(samples, index), taken)
        part = "train" if samples.given_parts is None else str(samples.given_parts[index])
        for copy in range(copies + 1 if part == "train" else 1):
            copied_image, copied_mask, applied = image, mask, ""
            if copy:
                copied_image, copied_mask = change(image, mask, [seed, copy, index])
                applied = "; ".join(change.applied())
            file = name if not copy else f"{name}__copy{copy}"
            _save(out, file, copied_image, copied_mask, colors)
            rows.append(
                {
                    "file": f"{file}.png",
                    "original": f"{name}.png",
                    "copy": copy,
                    "transforms": applied,
                }
            )
        if progress is not None:
            progress(index + 1, len(samples), "writing copies")
    return rows


def _relative_path(samples: Samples, index: int) -> str:
    """Return an image's path without suffix; images with masks go under images/."""
    path = PurePosixPath(samples.name_of(index)).with_suffix("")
    if not samples.target.pixel_class:
        return path.as_posix()
    inner = [each for each in path.parts if each != "images"]
    first = [] if samples.given_parts is None else [str(samples.given_parts[index])]
    return "/".join([*first, "images", *inner[len(first) :]])


def _free(name: str, taken: set[str]) -> str:
    """Return the name, with a number if it is taken, as by a.jpg for a.png."""
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}-{number}", number + 1
    taken.add(candidate)
    return candidate


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
