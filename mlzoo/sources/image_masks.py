"""Images with masks: images/ and masks/, such folders in train, valid, test, or a_mask.png beside.

Masks are files of gray levels (0 and 255, or 0, 1, 2, ...), of palette indices, or of colors. A
classes.txt in the folder names the classes, a line each: a name, or a value and a name. Where
values number the instances of an image (1, 2, 3, ..., another number of them in each), the task is
to tell these apart.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError
from mlzoo.core.files import expand
from mlzoo.core.setting_types import Levels, TaskName
from mlzoo.core.validation.values import image_size
from mlzoo.data.specs import target_of

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.data.masks.pairs import CheckedPairs
    from mlzoo.data.masks.reader import ClassMap
    from mlzoo.data.samples import Rows, Samples


class Config(Settings):
    """Settings of the source image_masks."""

    data: str
    """The folder."""
    task: TaskName | None = None
    """Kind of the masks: segmentation (classes) or instances (ids); inferred by default."""
    size: str | None = None
    """Image size to resize images and masks to: 64, or height x width as 48x64."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Image channels: as most files have them, one, or three."""
    group_by: str | None = None
    """Regular expression on a file's path within its folder of images; its first group, or all
    that it matches, names the group that must stay in one split."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable or unpaired files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    cache: str = "auto"
    """Folder for decoded images; auto or none as `--cache` says."""
    cache_size: float = Field(20.0, gt=0)
    """The most that it holds, in GB."""
    max_pixels: int = Field(89_478_485, ge=1)
    """Files with more pixels are refused before they are decoded."""
    ignore: Levels = ()
    """Gray levels or palette indices of pixels that don't count, as 11 or 11,255; by default 255
    beside 0, 1, 2, ..., and what classes.txt calls void, unlabeled or ignore."""
    ignore_index: int | None = Field(None, ge=0, le=255)
    """The same for one value, as it was called before."""
    threshold: int | None = Field(None, ge=1, le=255)
    """Make two classes: gray levels from this on are the second. For smoothed or JPEG masks."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.ignore and self.ignore_index is not None:
            raise ValueError("ignore and ignore_index are one setting; give ignore alone")
        if self.threshold is not None and self.ignored:
            raise ValueError("threshold and ignore exclude each other; choose one")
        if self.task is not None and not target_of(self.task).pixel_class:
            raise ValueError(
                f"task {self.task} is not for masks; choose segmentation, or instances where "
                "values number them"
            )
        if self.instances and (self.ignored or self.threshold is not None):
            raise ValueError("threshold and ignore have no effect on ids of instances")
        return self

    @property
    def instances(self) -> bool:
        """Return whether masks were said to hold ids of instances."""
        return self.task is not None and target_of(self.task).separate

    @property
    def ignored(self) -> tuple[int, ...]:
        """The values that were said not to count."""
        return self.ignore if self.ignore_index is None else (self.ignore_index,)


def recognizes(path: str) -> bool:
    """Return whether it is a folder with images, not volumes, and masks in one of the layouts."""
    from mlzoo.data.images.layouts import has_masks
    from mlzoo.data.volumes.recognizing import has_stacks

    folder = expand(path)
    if not folder.is_dir() or (folder / "x.npy").is_file():
        return False
    return has_masks(folder) and not has_stacks(folder)


def load(config: Config, progress: Any = None) -> Samples:
    """Pair the files, check every one, and give images and masks as rows that stay on disk."""
    import numpy as np

    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.masks.folders import list_pairs
    from mlzoo.data.masks.pairs import check_pairs, empty_masks
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.masks.values import examine, examine_ids
    from mlzoo.data.quality.bad_files import judge
    from mlzoo.data.quality.differences import measure
    from mlzoo.data.quality.duplicates import grouped
    from mlzoo.data.quality.validation import choose_form
    from mlzoo.data.samples import Samples

    root = expand(config.data)
    pairs = list_pairs(root)
    size = image_size(config.size)
    checked = check_pairs(
        pairs,
        lambda headers: choose_form(headers, size, config.color, keep=True),
        config.max_pixels,
        progress,
        examine_ids if config.instances else examine,
        CacheChoice(config.cache, config.cache_size),
    )
    total = len(pairs) + len(pairs.problems)
    warnings = judge(
        checked.problems, total, config.on_bad, config.max_bad, what="images and masks"
    )
    masks = _masks(config, checked, progress)
    parts = [pairs.parts[i] for i in checked.kept]
    inner = [pairs.inner[i] for i in checked.kept]
    grouping = grouped(root, checked.names, inner, config.group_by, "the folder of images")
    form = checked.form
    names = masks.classes.names
    return Samples(
        inputs=checked.images,
        targets=masks.targets,
        task=masks.task,
        kind="image",
        class_names=names,
        target_names=("mask",),
        maximum=form.maximum,
        names=checked.names,
        groups=grouping.groups,
        copies=grouping.copies,
        given_parts=np.array(parts) if parts[0] else None,
        hashes=checked.hashes,
        near_hashes=checked.near_hashes,
        target_hashes=masks.hashes,
        sizes=checked.images.sizes,
        pixels=masks.pixels,
        instances=masks.instances,
        problems=tuple(checked.problems.items()),
        reader=DenseReader(
            kind="image",
            size=size,
            channels=form.channels,
            dtype=form.dtype,
            maximum=form.maximum,
            max_pixels=config.max_pixels,
            images=measure(checked.headers, checked.contents),
            masks=masks.classes,
        ),
        notes=(*checked.notes, *masks.notes, *pairs.notes(), *grouping.notes),
        warnings=(
            *pairs.warnings,
            *warnings,
            *masks.warnings,
            *empty_masks(checked.names, masks.pixels, names),
        ),
    )


class _Masks(NamedTuple):
    """Masks as rows of class positions, and what is known of them."""

    task: str
    classes: ClassMap
    targets: Rows
    hashes: np.ndarray
    pixels: np.ndarray
    notes: list[str]
    warnings: list[str]
    instances: Rows | None = None


def _masks(config: Config, checked: CheckedPairs, progress: Any) -> _Masks:
    """Read masks of instances or of classes.

    Raises:
        DataError: values that can't be either.
    """
    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.masks.classes import choose_classes, read_classes
    from mlzoo.data.masks.folders import CLASSES
    from mlzoo.data.masks.instances import are_ids
    from mlzoo.data.masks.pairs import read_masks
    from mlzoo.data.masks.quality import rare_classes

    root, named = expand(config.data), checked.named()
    cache = CacheChoice(config.cache, config.cache_size)
    has_list = os.path.lexists(root / CLASSES)
    open_question = not (config.task or has_list or config.ignored or config.threshold)
    if config.instances or (open_question and are_ids(named)):
        return _instances(config, checked, progress)
    listed = read_classes(root / CLASSES) if has_list else []
    classes, notes = choose_classes(named, listed, config.ignored, config.threshold)
    advice = "list the classes in classes.txt, or correct the masks"
    doubtful = not listed and config.threshold is None
    warnings = rare_classes(named, classes, advice) if doubtful else []
    targets, hashes, pixels = read_masks(checked, classes, config.max_pixels, progress, cache)
    return _Masks("segmentation", classes, targets, hashes, pixels, notes, warnings)


def _instances(config: Config, checked: CheckedPairs, progress: Any) -> _Masks:
    """Read masks of instances.

    Raises:
        DataError: no mask has an instance.
    """
    import numpy as np

    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.masks.instances import CLASSES
    from mlzoo.data.masks.pairs import read_instances

    cache = CacheChoice(config.cache, config.cache_size)
    targets, ids, hashes, pixels = read_instances(checked, config.max_pixels, progress, cache)
    if not pixels[:, 1:].any():
        raise DataError(f"{config.data}: all masks are 0, the background, throughout")
    counts = np.array([mask.distinct for mask in checked.masks]) - 1
    note = (
        f"masks: values number instances, {np.median(counts):.0f} in the middle one of "
        f"{len(counts)} masks and up to {counts.max()} (--task)"
    )
    return _Masks("instances", CLASSES, targets, hashes, pixels, [note], [], ids)
