"""Folders of images and masks: which image belongs to which mask, and to which part."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlzoo.core.errors import DataError
from mlzoo.core.files import as_text, is_folder
from mlzoo.data.images.folders import FoundImages, images_below
from mlzoo.data.images.layouts import BESIDE, PART_FOLDERS, SUFFIXES, folder_pair, subfolders

CLASSES = "classes.txt"
LAYOUT = (
    "expected images/ and masks/ with the same file names, such folders within train, valid and "
    "test, or masks beside the images (a.jpg, a_mask.png)"
)
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
    warnings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        """An image's path relative to the folder."""
        return self.relative(self.images[index])

    def relative(self, path: Path) -> str:
        """A file's path relative to the folder."""
        return as_text(path.relative_to(self.root).as_posix())

    def notes(self) -> list[str]:
        """A sentence on files that were passed over."""
        if not self.ignored:
            return []
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.ignored.items()))
        return [f"ignored: {self.ignored.total()} files that are no images by name ({kinds})"]


def list_pairs(root: Path) -> Pairs:
    """All images of a folder with their masks and, where it is already split, their parts.

    Raises:
        DataError: the folder has another layout, or two images or two masks share one name.
    """
    pairs = Pairs(root)
    both = folder_pair(subfolders(root))
    parts = {} if both else _parts(root)
    if both is not None:
        _add_both(pairs, *(root / name for name in both))
    elif "train" in parts:
        _only_parts(pairs, root, parts)
        for part, name in parts.items():
            _add(pairs, root / name, part)
    else:
        _add(pairs, root, "")
    if not pairs.images:
        hint = "; ".join(_first_problems(pairs) + pairs.notes())
        raise DataError(f"{root} has no image with a mask{f' ({hint})' if hint else ''}; {LAYOUT}")
    return pairs


def _first_problems(pairs: Pairs) -> list[str]:
    """The first image without a mask, and the first mask without an image, with reasons."""
    examples: dict[str, str] = {}
    for name, why in pairs.problems.items():
        examples.setdefault(why.partition(" called ")[0], f"{name}: {why}")
    return list(examples.values())


def images_alone(root: Path) -> list[Path]:
    """The images of a folder without their masks, which stand in masks/ or beside them."""
    files = images_below(root).files
    parts = [root / name for name in subfolders(root) if name.lower() in PART_FOLDERS]
    for folder in (root, *parts):
        both = folder_pair(subfolders(folder))
        if both is not None:
            images = folder / both[0]
            files = [p for p in files if p.is_relative_to(images) or not p.is_relative_to(folder)]
    stems = {(path.parent, path.stem) for path in files}
    return [
        path
        for path in files
        if not path.stem.endswith(BESIDE)
        or (path.parent, path.stem.removesuffix(BESIDE)) not in stems
    ]


def _parts(folder: Path) -> dict[str, str]:
    """The names of the folders in a folder that are parts, by part."""
    folders: dict[str, str] = {}
    for name in subfolders(folder):
        part = PART_FOLDERS.get(name.lower(), "")
        if part in folders:
            raise DataError(f"{folder} has two folders for one split: {folders[part]}, {name}")
        if part:
            folders[part] = name
    return folders


def _only_parts(pairs: Pairs, folder: Path, parts: dict[str, str]) -> None:
    """Refuse other folders beside those of the parts, and warn of images beside them."""
    others = sorted({*subfolders(folder)} - {*parts.values()})
    if others:
        raise DataError(
            f"{folder} has the split folders {', '.join(parts.values())} and beside them "
            f"{', '.join(others[:_SHOWN])}; {LAYOUT}"
        )
    files = [Path(entry.path) for entry in os.scandir(folder) if not is_folder(entry)]
    loose = [path.name for path in files if path.suffix.lower() in SUFFIXES]
    if loose:
        pairs.warnings.append(
            f"{len(loose)} images stand in {folder} beside the split folders and are left out, "
            f"such as {min(loose)}"
        )


def _add(pairs: Pairs, folder: Path, part: str) -> None:
    both = folder_pair(subfolders(folder))
    if both is not None:
        _add_folders(pairs, folder / both[0], folder / both[1], part)
        return
    contents = images_below(folder)
    pairs.ignored += contents.ignored
    masks = [path for path in contents.files if path.stem.endswith(BESIDE)]
    images = [path for path in contents.files if not path.stem.endswith(BESIDE)]
    _match(pairs, (folder, images), (folder, masks), part)


def _add_both(pairs: Pairs, images: Path, masks: Path) -> None:
    """A folder of images and one of masks, whole or with the same split folders in both."""
    inside, theirs = _parts(images), _parts(masks)
    if "train" not in inside or "train" not in theirs:
        _add_folders(pairs, images, masks, "")
        return
    _only_parts(pairs, images, inside)
    for part in sorted({*inside, *theirs}):
        name = inside.get(part) or theirs[part]
        _add_folders(pairs, images / name, masks / theirs.get(part, name), part)


def _add_folders(pairs: Pairs, images: Path, masks: Path, part: str) -> None:
    found_images, found_masks = (
        images_below(folder) if folder.is_dir() else FoundImages([], Counter())
        for folder in (images, masks)
    )
    pairs.ignored += found_images.ignored + found_masks.ignored
    _match(pairs, (images, found_images.files), (masks, found_masks.files), part)


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
        pairs.inner.append(as_text(path.relative_to(images[0]).as_posix()))
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
