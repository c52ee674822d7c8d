"""Images in tar files as WebDataset writes them: a .tar, a folder of them, or 'folder/*.tar'.

Each image has its class or number beside it, as 0001.jpg and 0001.cls, or in 0001.json. Nothing is
unpacked: images are decoded once, into the cache of decoded images, and read from there. Shards
whose names begin with train, val and test are the splits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError
from mlzoo.core.setting_types import TaskName, WordList
from mlzoo.core.validation.values import image_size

if TYPE_CHECKING:
    from mlzoo.data.samples import Samples


class Config(Settings):
    """Settings of the source shards."""

    data: str
    """A .tar file, a folder of such files alone, or a pattern of their names."""
    target: str | None = None
    """Name of the target in .json files; by default what is in .cls files, or in .json files called
    class, label or target."""
    task: TaskName | None = None
    """Kind of the target: classification, ordinal, multilabel or regression; inferred."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    size: str | None = None
    """Image size to resize to: 64, or height x width as 48x64."""
    color: Literal["auto", "gray", "rgb"] = "auto"
    """Image channels: as most files have them, one, or three."""
    group_by: str | None = None
    """Regular expression on the images' names in the shards; its first group, or all that it
    matches, names the group that stays in one split."""
    on_bad: Literal["error", "skip"] = "error"
    """Unreadable images: refuse the data, or leave them out (up to --max-bad)."""
    max_bad: float = Field(0.01, gt=0, le=1)
    """The largest share of bad files that --on-bad skip accepts."""
    cache: str = "auto"
    """Folder for decoded images; auto: in the user's cache, which is used of any size."""
    cache_size: float = Field(20.0, gt=0)
    """The most that it holds, in GB."""
    max_pixels: int = Field(89_478_485, ge=1)
    """Images with more pixels are refused before they are decoded."""


def recognizes(path: str) -> bool:
    """Return whether it is a tar file, a folder of nothing else, or a pattern of such files."""
    from mlzoo.data.shards.members import shards_at

    return bool(shards_at(path))


def load(config: Config, progress: Any = None) -> Samples:
    """List the shards, decode every image once, and give them as rows that stay on disk."""
    import numpy as np

    from mlzoo.core.remote.cache import cache_root
    from mlzoo.data.decoded.space import CacheChoice
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.quality.bad_files import groups_by, judge, listed
    from mlzoo.data.quality.differences import measure
    from mlzoo.data.quality.validation import check_images, choose_form
    from mlzoo.data.samples import Samples
    from mlzoo.data.shards.members import NAMING, label_of, part_of, samples_of, shards_at
    from mlzoo.data.tables.labels import label

    shards = shards_at(config.data)
    if not shards:
        raise DataError(f"{config.data} holds no .tar files, or other files beside them")
    listing = samples_of(shards, progress)
    values = [label_of(each, config.target) for each in listing]
    names = [f"{each.image.tar.name}/{each.image.relative_to(each.image.tar)}" for each in listing]
    without = {n: "has no label beside it" for n, v in zip(names, values, strict=True) if v is None}
    if without:
        named = f"{config.target!r} in its .json" if config.target else ".cls or label in a .json"
        count = f"{len(without)} of {len(names)} images have no {named}"
        raise DataError(f"{config.data}: {count}:\n{listed(without)}")
    cache = str(cache_root() / "decoded") if config.cache == "auto" else config.cache
    checked = check_images(
        [each.image for each in listing],
        lambda headers: choose_form(headers, image_size(config.size), config.color),
        config.max_pixels,
        progress,
        choice=CacheChoice(cache, config.cache_size),
    )
    problems = {names[i]: reason for i, reason in checked.problems.items()}
    warnings = judge(problems, len(names), config.on_bad, config.max_bad)
    if others := [name for each in listing for name in each.others]:
        beside = f"{len(others)}, such as {others[0]}"
        warnings.append(f"images beside the one of their sample are not read ({beside}): {NAMING}")
    good = checked.good.tolist()
    numbers = not any(isinstance(value, str) for value in values)
    raw = np.array([values[i] if numbers else str(values[i]) for i in good])
    labels = label(raw, config.task, "label", config.class_order)
    parts = np.array([part_of(listing[i].image.tar) for i in good])
    groups = None
    if config.group_by is not None:
        inner = [names[i] for i in good]
        groups = groups_by(config.group_by, inner, inner, "the shard")
    form = checked.form
    counts = f"shards: {len(shards)} with {len(names):,} images (--source)"
    return Samples(
        inputs=checked.images,
        targets=labels.values,
        task=labels.task,
        kind="image",
        class_names=labels.class_names,
        target_names=(config.target or "class",),
        maximum=form.maximum,
        names=[names[i] for i in good],
        groups=groups,
        given_parts=parts if (parts != "").all() else None,
        hashes=checked.hashes,
        near_hashes=checked.near_hashes,
        problems=tuple(problems.items()),
        reader=ImageReader(
            size=(form.height, form.width),
            channels=form.channels,
            dtype=form.dtype,
            maximum=form.maximum,
            max_pixels=config.max_pixels,
            images=measure(checked.headers, checked.contents),
        ),
        notes=tuple(note for note in (counts, labels.note, *checked.notes) if note),
        warnings=tuple(warnings),
    )
