"""Pairs of a degraded and a clean image: folders with the same file names in both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.decoded.space import UNCACHED, CacheChoice
from mlzoo.data.images.degradation import CleanImages
from mlzoo.data.images.folders import images_below
from mlzoo.data.images.layouts import pair_folders
from mlzoo.data.images.reader import ImageStatistics
from mlzoo.data.quality.differences import measure
from mlzoo.data.quality.validation import Checked, Progress, check_images, choose_form


@dataclass
class ImagePairs:
    """Files by position, and those without a partner with the reason."""

    root: Path
    degraded: list[Path] = field(default_factory=list)
    clean: list[Path] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def name(self, index: int) -> str:
        """Return the path of a degraded image relative to the folder."""
        return self.degraded[index].relative_to(self.root).as_posix()


@dataclass(frozen=True)
class CheckedImagePairs:
    """Pairs that can be read and are of one size each.

    Attributes:
        degraded: images from 0 to 1.
        clean: the same.
        names: of the degraded ones.
        sizes: (n, 2) height and width of each within its row.
        hashes: (n,) digests of the degraded ones.
        clean_hashes: (n,) digests of the clean ones.
        statistics: of the degraded ones.
        problems: files that can't be used, with reasons.
        notes: on size and channels.
    """

    degraded: CleanImages
    clean: CleanImages
    names: list[str]
    sizes: np.ndarray
    hashes: np.ndarray
    clean_hashes: np.ndarray
    statistics: ImageStatistics
    problems: dict[str, str]
    notes: tuple[str, ...]


def list_image_pairs(root: Path) -> ImagePairs:
    """List the images of a folder by pairs; their paths without suffix are equal.

    Raises:
        DataError: there is no pair.
    """
    both = pair_folders(root)
    if both is None:
        raise DataError(
            f"{root} holds no pairs of images: expected noisy/ and clean/ (or input/ and target/, "
            "degraded/ and clean/) with the same file names"
        )
    pairs = ImagePairs(root)
    left, right = (_by_key(root / name) for name in both)
    for key, path in left.items():
        if key in right:
            pairs.degraded.append(path)
            pairs.clean.append(right[key])
        else:
            why = f"has no image called {key} in {both[1]}/"
            pairs.problems[path.relative_to(root).as_posix()] = why
    for key in right.keys() - left.keys():
        why = f"has no image called {key} in {both[0]}/"
        pairs.problems[right[key].relative_to(root).as_posix()] = why
    return pairs


def _by_key(folder: Path) -> dict[str, Path]:
    """Return the images below a folder by their path without suffix.

    Raises:
        DataError: two differ by their suffix alone.
    """
    files: dict[str, Path] = {}
    for path in images_below(folder).files:
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in files:
            raise DataError(f"{files[key]} and {path} have one name; rename or remove one")
        files[key] = path
    return files


def check_image_pairs(
    pairs: ImagePairs,
    size: tuple[int, int] | None,
    color: str,
    max_pixels: int,
    progress: Progress | None = None,
    cache: CacheChoice = UNCACHED,
) -> CheckedImagePairs:
    """Decode all images once.

    Args:
        pairs: the files.
        size: (height, width) to resize to; None: images keep their own.
        color: `auto`, `gray` or `rgb`.
        max_pixels: files with more are refused.
        progress: called as files are checked.
        cache: where decoded images are kept.

    Raises:
        DataError: no pair is usable.
    """
    checked = [
        check_images(
            files,
            lambda headers: choose_form(headers, size, color, keep=True),
            max_pixels,
            progress,
            choice=cache,
        )
        for files in (pairs.degraded, pairs.clean)
    ]
    problems = dict(pairs.problems)
    for each, files in zip(checked, (pairs.degraded, pairs.clean), strict=True):
        problems |= {
            files[i].relative_to(pairs.root).as_posix(): why for i, why in each.problems.items()
        }
    first, second = checked
    if first.form.channels != second.form.channels:
        raise DataError(
            f"{pairs.root}: degraded images have {first.form.channels} channels and clean ones "
            f"{second.form.channels}; make them equal with --color gray or rgb"
        )
    places = [{int(at): row for row, at in enumerate(each.good)} for each in checked]
    rows: list[tuple[int, int]] = []
    kept: list[int] = []
    for index in range(len(pairs.degraded)):
        if not all(index in at for at in places):
            continue
        at = places[0][index], places[1][index]
        sizes = [each.images.file_sizes[row] for each, row in zip(checked, at, strict=True)]
        if size is None and sizes[0] != sizes[1]:
            (height, width), (its_height, its_width) = sizes
            problems[pairs.name(index)] = (
                f"is {height}x{width}, but its clean image is {its_height}x{its_width}; enlarge "
                "it, or train on the clean images alone with --restore scale=2"
            )
            continue
        rows.append(at)
        kept.append(index)
    if not rows:
        name, why = next(iter(problems.items()))
        raise DataError(f"{pairs.root}: no pair of images is usable; the first: {name}: {why}")
    left, right = np.array(rows).T
    names = [pairs.name(index) for index in kept]
    return CheckedImagePairs(
        degraded=_picked(first, left),
        clean=_picked(second, right),
        names=names,
        sizes=first.images.only(left).sizes,
        hashes=first.hashes[left],
        clean_hashes=second.hashes[right],
        statistics=measure([first.headers[i] for i in left], [first.contents[i] for i in left]),
        problems=problems,
        notes=first.notes,
    )


def _picked(checked: Checked, rows: np.ndarray) -> CleanImages:
    return CleanImages(checked.images.only(rows), checked.form.maximum)
