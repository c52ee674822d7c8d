"""Folders of images and masks: which image belongs to which mask, and to which part."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlzoo.data.folders import PART_FOLDERS, Found, images_below, subfolders
from mlzoo.data.headers import SUFFIXES
from mlzoo.errors import DataError

IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "labels", "annotations")
BESIDE = "_mask"
"""What ends the name of a mask that stands beside its image."""
CLASSES = "classes.txt"
LAYOUT = (
    "expected images/ and masks/ with the same file names, such folders within train, valid and "
    "test, or masks beside the images (a.jpg, a_mask.png)"
)
_LOOKED_AT = 2000
_SHOWN = 8


@dataclass
class Pairs:
    """Images with their masks, in order; `problems` names files without a partner."""

    root: Path
    images: list[Path] = field(default_factory=list)
    masks: list[Path] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        """An image's path relative to the folder."""
        return self.relative(self.images[index])

    def relative(self, path: Path) -> str:
        """A file's path relative to the folder."""
        return path.relative_to(self.root).as_posix()

    def notes(self) -> list[str]:
        """A sentence on files that were passed over."""
        if not self.ignored:
            return []
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.ignored.items()))
        return [f"ignored: {self.ignored.total()} files that are no images by name ({kinds})"]


def has_masks(root: Path) -> bool:
    """Whether a folder looks like images with masks; its first entries decide, nothing is read."""
    try:
        parts = [name for name in subfolders(root) if name.lower() in PART_FOLDERS]
        return any(
            _folder_pair(subfolders(folder)) is not None or _some_beside(folder)
            for folder in (root, *(root / name for name in parts))
        )
    except (DataError, OSError):
        return False


def list_pairs(root: Path) -> Pairs:
    """All images of a folder with their masks and, where it is already split, their parts.

    Raises:
        DataError: the folder has another layout, or two images or two masks share one name.
    """
    pairs = Pairs(root)
    both = _folder_pair(subfolders(root))
    parts = _parts(root)
    if both is not None:
        _add_both(pairs, *(root / name for name in both))
    elif "train" in parts:
        _only_parts(pairs, root, parts)
        for part, name in parts.items():
            _add(pairs, root / name, part)
    else:
        _add(pairs, root, "")
    if not pairs.images:
        hints = [f"{name}: {why}" for name, why in list(pairs.problems.items())[:1]]
        hint = "; ".join(hints + pairs.notes())
        raise DataError(f"{root} has no image with a mask{f' ({hint})' if hint else ''}; {LAYOUT}")
    return pairs


def _parts(folder: Path) -> dict[str, str]:
    """The names of the folders in a folder that are parts, by part."""
    found: dict[str, str] = {}
    for name in subfolders(folder):
        part = PART_FOLDERS.get(name.lower(), "")
        if part in found:
            raise DataError(f"{folder} has two folders for one part: {found[part]}, {name}")
        if part:
            found[part] = name
    return found


def _only_parts(pairs: Pairs, folder: Path, parts: dict[str, str]) -> None:
    """Refuse other folders beside those of the parts, and name images beside them."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    others = [e.name for e in entries if e.is_dir() and e.name not in parts.values()]
    others = [name for name in others if name[0] != "."]
    if others:
        raise DataError(
            f"{folder} has the part folders {', '.join(parts.values())} and beside them "
            f"{', '.join(others[:_SHOWN])}; {LAYOUT}"
        )
    for entry in entries:
        path = Path(entry.path)
        if not entry.is_dir() and path.name[0] != "." and path.suffix.lower() in SUFFIXES:
            pairs.problems[pairs.relative(path)] = "stands beside the part folders, in no part"


def _folder_pair(names: list[str]) -> tuple[str, str] | None:
    """The names of the folders of images and of masks."""
    by_name = {name.lower(): name for name in names}
    images = next((by_name[name] for name in IMAGES if name in by_name), None)
    masks = next((by_name[name] for name in MASKS if name in by_name), None)
    return None if images is None or masks is None else (images, masks)


def _some_beside(folder: Path) -> bool:
    """Whether one of the first files is a mask that stands beside its image."""
    stems = set()
    for number, entry in enumerate(os.scandir(folder)):
        if number >= _LOOKED_AT:
            break
        path = Path(entry.name)
        if path.suffix.lower() in SUFFIXES:
            stems.add(path.stem)
    return any(stem.endswith(BESIDE) and stem.removesuffix(BESIDE) in stems for stem in stems)


def _add(pairs: Pairs, folder: Path, part: str) -> None:
    both = _folder_pair(subfolders(folder))
    if both is not None:
        _add_folders(pairs, folder / both[0], folder / both[1], part)
        return
    found = images_below(folder)
    pairs.ignored += found.ignored
    masks = [path for path in found.files if path.stem.endswith(BESIDE)]
    images = [path for path in found.files if not path.stem.endswith(BESIDE)]
    _match(pairs, (folder, images), (folder, masks), part)


def _add_both(pairs: Pairs, images: Path, masks: Path) -> None:
    """A folder of images and one of masks, whole or with the same part folders in both."""
    inside, theirs = _parts(images), _parts(masks)
    if "train" not in inside or "train" not in theirs:
        _add_folders(pairs, images, masks, "")
        return
    _only_parts(pairs, images, inside)
    for part in sorted({*inside, *theirs}):
        name = inside.get(part) or theirs[part]
        _add_folders(pairs, images / name, masks / theirs.get(part, name), part)


def _add_folders(pairs: Pairs, images: Path, masks: Path, part: str) -> None:
    found, found_masks = (
        images_below(folder) if folder.is_dir() else Found([], Counter())
        for folder in (images, masks)
    )
    pairs.ignored += found.ignored + found_masks.ignored
    _match(pairs, (images, found.files), (masks, found_masks.files), part)


def _match(
    pairs: Pairs, images: tuple[Path, list[Path]], masks: tuple[Path, list[Path]], part: str
) -> None:
    """Pair files by their path within their folders without suffix."""
    by_key = dict(_keyed(pairs, *masks))
    for key, path in _keyed(pairs, *images):
        mask = by_key.pop(key, None)
        if mask is None:
            pairs.problems[pairs.relative(path)] = f"has no mask called {key} in {masks[0].name}/"
            continue
        pairs.images.append(path)
        pairs.masks.append(mask)
        pairs.inner.append(path.relative_to(images[0]).as_posix())
        pairs.parts.append(part)
    for key, path in by_key.items():
        pairs.problems[pairs.relative(path)] = f"has no image called {key} in {images[0].name}/"


def _keyed(pairs: Pairs, folder: Path, files: list[Path]) -> Iterator[tuple[str, Path]]:
    seen: dict[str, Path] = {}
    for path in files:
        inner = path.relative_to(folder)
        key = inner.with_name(inner.stem.removesuffix(BESIDE) or inner.stem).as_posix()
        if key in seen:
            raise DataError(
                f"{pairs.relative(seen[key])} and {pairs.relative(path)} have one name, so which "
                "belongs to the pair is not known; rename or remove one"
            )
        seen[key] = path
        yield key, path
