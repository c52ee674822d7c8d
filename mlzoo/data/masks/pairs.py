"""Images and their masks, checked together: what is left is readable and of one size a pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.decoded.space import UNCACHED, CacheChoice
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.headers import Header
from mlzoo.data.images.images import LazyImages
from mlzoo.data.masks.folders import Pairs
from mlzoo.data.masks.instances import CLASSES
from mlzoo.data.masks.masks import (
    IdReader,
    LazyMasks,
    MaskPath,
    MaskReader,
    examine_all,
    lazy_masks,
)
from mlzoo.data.masks.reader import ClassMap
from mlzoo.data.masks.values import MaskFile, examine
from mlzoo.data.quality.differences import Content
from mlzoo.data.quality.digests import digest
from mlzoo.data.quality.validation import Progress, check_images
from mlzoo.data.specs import IGNORED

_SHOWN = 5


@dataclass(frozen=True)
class CheckedPairs:
    """The good pairs, in order, and the bad files with reasons, by name.

    `kept` are the positions of the good ones in the listing.
    """

    images: LazyImages
    form: ImageForm
    masks: list[MaskFile]
    paths: list[Path]
    names: list[str]
    kept: np.ndarray
    headers: list[Header]
    contents: list[Content]
    hashes: np.ndarray
    near_hashes: np.ndarray
    problems: dict[str, str]
    notes: tuple[str, ...]

    def named(self) -> dict[str, MaskFile]:
        """The masks by the names of their images."""
        return dict(zip(self.names, self.masks, strict=True))


def check_pairs(
    pairs: Pairs,
    choose: Callable[[Sequence[Header]], tuple[ImageForm, list[str]]],
    max_pixels: int,
    progress: Progress | None = None,
    look_at: Callable[[Path, int], MaskFile] = examine,
    cache: CacheChoice = UNCACHED,
) -> CheckedPairs:
    """Decode every image and count the values of every mask.

    Args:
        pairs: the files.
        choose: the form of all images from their headers, and sentences on it.
        max_pixels: files with more are refused.
        progress: called with how many were read.
        look_at: as of `examine_all`.
        cache: where decoded images are kept.

    Raises:
        DataError: no pair is usable.
    """
    checked = check_images(pairs.images, choose, max_pixels, progress, choice=cache)
    problems = dict(pairs.problems)
    problems |= {pairs.name(i): reason for i, reason in checked.problems.items()}
    paths = [pairs.masks[i] for i in checked.good]
    masks, bad = examine_all(paths, checked.images.file_sizes, max_pixels, progress, look_at)
    problems |= {pairs.relative(paths[i]): reason for i, reason in bad.items()}
    if not masks:
        name, reason = next(iter(problems.items()))
        raise DataError(f"{pairs.root}: no image has a usable mask; the first: {name}: {reason}")
    left = np.array(sorted(masks))
    kept = checked.good[left]
    return CheckedPairs(
        images=checked.images.only(left) if len(left) < len(paths) else checked.images,
        form=checked.form,
        masks=[masks[i] for i in left],
        paths=[paths[i] for i in left],
        names=[pairs.name(i) for i in kept],
        kept=kept,
        headers=[checked.headers[i] for i in left],
        contents=[checked.contents[i] for i in left],
        hashes=checked.hashes[left],
        near_hashes=checked.near_hashes[left],
        problems=problems,
        notes=checked.notes,
    )


def read_masks(
    checked: CheckedPairs,
    classes: ClassMap,
    max_pixels: int,
    progress: Progress | None = None,
    cache: CacheChoice = UNCACHED,
) -> tuple[LazyMasks, np.ndarray, np.ndarray]:
    """The masks as rows of class positions, their digests, and pixels of each class (n, k).

    The pixels are counted in the files' own size.

    Args:
        checked: the good pairs.
        classes: of the values of masks.
        max_pixels: files with more are refused.
        progress: called with how many were read.
        cache: where decoded masks are kept.
    """
    reader = MaskReader(classes, checked.form, max_pixels)
    files = [
        MaskPath(path, mask.height, mask.width)
        for path, mask in zip(checked.paths, checked.masks, strict=True)
    ]
    rows, digests = lazy_masks(files, reader, digest, progress, choice=cache)
    pixels = np.array([classes.counts(mask.values) for mask in checked.masks], dtype=np.int64)
    return rows, digests, pixels


def read_instances(
    checked: CheckedPairs,
    max_pixels: int,
    progress: Progress | None = None,
    cache: CacheChoice = UNCACHED,
) -> tuple[LazyMasks, LazyMasks, np.ndarray, np.ndarray]:
    """Return masks of instances as rows of classes and of ids, the ids' digests, and pixels.

    Args:
        checked: the good pairs.
        max_pixels: files with more are refused.
        progress: called with how many were read.
        cache: where decoded masks are kept.

    Returns:
        Rows of positions in `instances.CLASSES`; rows of ids; digests (n,); pixels (n, 3) of each
        class.
    """
    files = [
        MaskPath(path, mask.height, mask.width)
        for path, mask in zip(checked.paths, checked.masks, strict=True)
    ]
    id_reader, class_reader = (IdReader(checked.form, max_pixels, each) for each in (False, True))
    ids, digests = lazy_masks(files, id_reader, digest, progress, choice=cache)
    rows, counted = lazy_masks(files, class_reader, _class_counts, progress, choice=cache)
    return rows, ids, digests, counted


def _class_counts(classes: np.ndarray) -> list[int]:
    return np.bincount(classes.ravel(), minlength=IGNORED + 1)[: len(CLASSES.names)].tolist()


def empty_masks(names: Sequence[str], pixels: np.ndarray, classes: Sequence[str]) -> list[str]:
    """A warning where masks hold nothing but the first class, or do not count at all."""
    warnings = []
    for what, empty in (
        (f"hold {classes[0]!r} only", (pixels[:, 1:].sum(axis=1) == 0) & (pixels[:, 0] > 0)),
        ("hold ignored pixels only", pixels.sum(axis=1) == 0),
    ):
        which = [names[int(i)] for i in np.flatnonzero(empty)]
        if which:
            more = f" and {len(which) - _SHOWN} more" if len(which) > _SHOWN else ""
            shown = f"{', '.join(which[:_SHOWN])}{more}"
            warnings.append(f"{len(which)} of {len(names)} masks {what}: {shown}")
    return warnings
