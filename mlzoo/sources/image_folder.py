"""A folder of images: one folder a class, or train, valid and test folders with those in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.setting_types import TaskName, WordList
from mlzoo.core.validation.values import image_size

if TYPE_CHECKING:
    from mlzoo.data.images.folders import ClassFolders
    from mlzoo.data.quality.validation import Checked
    from mlzoo.data.samples import Samples
    from mlzoo.data.tables.labels import Labels


UNLABELED = True


class Config(Settings):
    """Settings of the source image_folder."""

    data: str
    """The folder."""
    task: TaskName | None = None
    """Kind of the class folders: classification (by default) or ordinal."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    size: str | None = None
    """Image size to resize to: 64, or height x width as 48x64."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Image channels: as most files have them, one, or three."""
    group_by: str | None = None
    """Regular expression on a file's path within its class folder; its first group, or all that it
    matches, names the group that must stay in one split."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable files: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    cache: str = "auto"
    """Folder for decoded images; auto or none as `--cache` says."""
    cache_size: float = Field(20.0, gt=0)
    """The most that it holds, in GB."""
    max_pixels: int = Field(89_478_485, ge=1)
    """Files with more pixels are refused before they are decoded."""


def recognizes(path: str) -> bool:
    """Return whether it is a folder without x.npy, tables, volumes, or masks or pairs of images.

    With class folders it is, also where a table names the images: that is to be asked.
    """
    from mlzoo.data.images.layouts import has_masks, has_pairs, has_sequences
    from mlzoo.data.label_files.recognizing import find_label_files, has_class_folders
    from mlzoo.data.shards.members import shards_at
    from mlzoo.data.volumes.recognizing import has_stacks

    folder = expand(path)
    if not folder.is_dir() or (folder / "x.npy").is_file():
        return False
    if has_masks(folder) or has_pairs(folder) or has_sequences(folder):
        return False
    if has_stacks(folder) or shards_at(path):
        return False
    return has_class_folders(folder) or not find_label_files(folder)


def load(config: Config, progress: Any = None) -> Samples:
    """List the folder, check every file, and give the images as rows that stay on disk."""
    import numpy as np

    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.images.folders import list_folder
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.differences import measure
    from mlzoo.data.quality.duplicates import grouped
    from mlzoo.data.quality.validation import check_images, choose_form
    from mlzoo.data.samples import Samples
    from mlzoo.data.specs import target_of

    target = None if config.task is None else target_of(config.task)
    unlabeled = target is not None and (target.is_input or target.restores)
    keep = target is not None and target.restores
    listing = list_folder(
        expand(config.data), fewest_classes=1 if unlabeled else 2, loose=unlabeled
    )
    names = [listing.name(i) for i in range(len(listing.files))]
    grouping = grouped(listing.root, names, listing.inner, config.group_by, "the class folder")
    checked = check_images(
        listing.files,
        lambda headers: choose_form(headers, image_size(config.size), config.color, keep),
        config.max_pixels,
        progress,
        choice=CacheChoice(config.cache, config.cache_size),
    )
    warnings = [*listing.warnings, *_judge(config, listing, checked)]
    good = checked.good.tolist()
    labels = _labels(
        config.model_copy(update={"task": None}) if unlabeled else config, listing, good
    )
    loose = labels.class_names == ("",)
    form = checked.form
    parts = np.array([listing.parts[i] for i in good]) if listing.parts[0] else None
    return Samples(
        inputs=checked.images,
        targets=checked.images if loose else labels.values,
        task=str(config.task) if loose else labels.task,
        kind="image",
        class_names=() if loose else labels.class_names,
        target_names=("class",),
        maximum=form.maximum,
        names=[listing.name(i) for i in good],
        groups=None if grouping.groups is None else grouping.groups[checked.good],
        copies=None if grouping.copies is None else grouping.copies[checked.good],
        given_parts=parts,
        hashes=checked.hashes,
        near_hashes=checked.near_hashes,
        sizes=checked.images.sizes if keep else None,
        problems=tuple((listing.name(i), reason) for i, reason in checked.problems.items()),
        reader=ImageReader(
            size=(form.height, form.width),
            channels=form.channels,
            dtype=form.dtype,
            maximum=form.maximum,
            max_pixels=config.max_pixels,
            images=measure(checked.headers, checked.contents),
        ),
        notes=(
            *([] if loose else [labels.note]),
            *checked.notes,
            *listing.notes(),
            *grouping.notes,
        ),
        warnings=tuple(warnings),
    )


def _labels(config: Config, listing: ClassFolders, good: Sequence[int]) -> Labels:
    """Return the class of each good file; all folders are classes, also those without one."""
    import numpy as np

    from mlzoo.data.images.folders import class_names
    from mlzoo.data.specs import target_of
    from mlzoo.data.tables.labels import CLASSES, Labels, ordered

    task, names = config.task or CLASSES, tuple(class_names(listing))
    target = target_of(task)
    if not target.sample_class:
        raise UsageError(f"--task {task}: class folders hold classes; choose {CLASSES} or ordinal")
    place = {name: position for position, name in enumerate(names)}
    positions = np.array([place[listing.labels[i]] for i in good], dtype=np.int32)
    if target.values == "ordered":
        names, positions = ordered(names, positions, config.class_order, "class folders")
        return Labels(task, positions, names, f"classes: {' < '.join(names)} (--class-order)")
    if config.class_order:
        raise UsageError(f"--class-order: has no effect on {task}; add --task ordinal")
    return Labels(task, positions, names, f"classes: {', '.join(names)}, by folder name")


def _judge(config: Config, listing: ClassFolders, checked: Checked) -> list[str]:
    """Refuse bad files, or say what leaving them out costs each class."""
    from mlzoo.data.quality.bad_files import judge, listed

    problems = {listing.name(i): reason for i, reason in checked.problems.items()}
    totals = Counter(listing.labels)
    lost = Counter(listing.labels[i] for i in checked.problems)
    losses = ", ".join(f"{name} {count} of {totals[name]}" for name, count in sorted(lost.items()))
    warnings = judge(problems, len(listing.files), config.on_bad, config.max_bad, losses)
    gone = [name for name, count in lost.items() if count == totals[name]]
    if gone:
        raise DataError(
            f"{len(problems)} of {len(listing.files)} images can't be used, all of class "
            f"{', '.join(gone)}:\n{listed(problems)}"
        )
    return warnings
