"""Image folders: which files there are, and their classes and parts by folder name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mlzoo.core.errors import DataError
from mlzoo.core.files import as_text, is_folder
from mlzoo.data.images.layouts import PART_FOLDERS, SUFFIXES, subfolders

LAYOUT = (
    "expected one folder of images a class (cracked/1.jpg, sound/2.jpg), or train, valid and test "
    "folders that hold one folder a class each"
)
_SHOWN = 8
_UNREAD = (".gif", ".heic", ".heif", ".avif", ".svg", ".jp2", ".psd", ".dng", ".cr2", ".nef")
"""Endings of images of formats that are not read."""
_OTHER_DATA = (".npz", ".npy", ".csv", ".tsv", ".parquet")


@dataclass(frozen=True)
class FoundImages:
    """Image files under a folder and what was passed over, counted by kind."""

    files: list[Path]
    ignored: Counter[str]


@dataclass
class ClassFolders:
    """All files of an image folder, in order, with the class and the part of each."""

    root: Path
    files: list[Path] = field(default_factory=list)
    inner: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)

    def name(self, index: int) -> str:
        """A file's path relative to the folder."""
        return as_text(self.files[index].relative_to(self.root).as_posix())

    def notes(self) -> list[str]:
        """A sentence on files that were passed over."""
        if not self.ignored:
            return []
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.ignored.items()))
        return [f"ignored: {self.ignored.total()} files that are no images by name ({kinds})"]


def images_below(folder: Path) -> FoundImages:
    """Image files in a folder and its subfolders, sorted; links are followed, but not in circles.

    Raises:
        DataError: a folder can't be listed.
    """
    files: list[Path] = []
    ignored: Counter[str] = Counter()
    for path in sorted(_walk(folder, set())):
        if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
            ignored[_kind(path)] += 1
        else:
            files.append(path)
    return FoundImages(files, ignored)


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise DataError(f"{folder} can't be listed: {error.strerror}") from None
    for entry in entries:
        if is_folder(entry):
            if not entry.name.startswith("."):
                yield from _walk(Path(entry.path), seen)
        else:
            yield Path(entry.path)


def _kind(path: Path) -> str:
    if path.name.startswith("."):
        return "hidden"
    return path.suffix.lower() or path.name


def list_folder(root: Path, fewest_classes: int = 2, loose: bool = False) -> ClassFolders:
    """All images of a folder with their classes and, where it is already split, their parts.

    Args:
        root: the folder.
        fewest_classes: how many there must be.
        loose: take images that stand in no class folder, where there are no such folders; their
            class is "".

    Raises:
        DataError: the folder has another layout, or fewer than `fewest_classes`.
    """
    folders = subfolders(root)
    by_part = {name: PART_FOLDERS[name.lower()] for name in folders if name.lower() in PART_FOLDERS}
    listing = ClassFolders(root)
    if "train" in by_part.values():
        _list_parts(listing, root, folders, by_part, loose)
    else:
        _list_classes(listing, root, folders, "", loose)
    if not listing.files:
        raise DataError(_nothing(root, folders, listing))
    names = class_names(listing)
    if len(names) < fewest_classes:
        raise DataError(f"{root} has one class only ({names[0]!r}); {LAYOUT}")
    return listing


def class_names(listing: ClassFolders) -> list[str]:
    """The classes of the training split (of all files, where there are no parts), sorted."""
    return sorted(
        {
            label
            for label, part in zip(listing.labels, listing.parts, strict=True)
            if part in ("", "train")
        }
    )


def _list_parts(
    listing: ClassFolders, root: Path, folders: list[str], by_part: dict[str, str], loose: bool
) -> None:
    others = [name for name in folders if name not in by_part]
    if others:
        raise DataError(
            f"{root} has the split folders {', '.join(by_part)} and beside them "
            f"{', '.join(others[:_SHOWN])}; {LAYOUT}"
        )
    if len(set(by_part.values())) < len(by_part):
        raise DataError(f"{root} has two folders for one split: {', '.join(by_part)}; {LAYOUT}")
    for folder, part in by_part.items():
        _list_classes(listing, root / folder, subfolders(root / folder), part, loose)
    known = set(class_names(listing))
    for name, part in zip(listing.labels, listing.parts, strict=True):
        if name not in known:
            raise DataError(
                f"class {name!r} is in the {part} folder but not in the training folder, which has "
                f"{', '.join(sorted(known))}; rename or remove it"
            )


def _list_classes(
    listing: ClassFolders, folder: Path, names: list[str], part: str, loose: bool
) -> None:
    for name in names or ([""] if loose else []):
        images = images_below(folder / name)
        listing.ignored += images.ignored
        if name and not images.files:
            listing.warnings.append(f"folder {name!r} holds no images and is no class")
        for path in images.files:
            listing.files.append(path)
            listing.inner.append(as_text(path.relative_to(folder / name).as_posix()))
            listing.labels.append(as_text(name))
            listing.parts.append(part)
    beside = [e.name for e in os.scandir(folder) if not is_folder(e) and _is_image(e.name)]
    if beside and names:
        listing.warnings.append(
            f"{len(beside)} images stand in {folder} beside the class folders and are left out, "
            f"such as {min(beside)}"
        )


def _is_image(name: str) -> bool:
    return name[0] != "." and Path(name).suffix.lower() in SUFFIXES


def _nothing(root: Path, folders: list[str], listing: ClassFolders) -> str:
    entries = [entry.name for entry in os.scandir(root) if entry.name[0] != "."]
    if not entries:
        return f"{root} is empty; {LAYOUT}"
    loose = [name for name in entries if _is_image(name)]
    if loose and not folders:
        return f"{root} holds {len(loose)} images but no class folders; {LAYOUT}"
    readable = sorted(name for name in entries if Path(name).suffix.lower() in _OTHER_DATA)
    if readable and not folders:
        return f"{root} is a folder without images; name the file in it: {root / readable[0]}"
    unread = [kind for kind, _ in listing.ignored.most_common() if kind in _UNREAD]
    if folders and unread:
        return (
            f"{root} has images of a format that is not read ({unread[0]}: "
            f"{listing.ignored[unread[0]]}); save them as PNG or JPEG"
        )
    shown = ", ".join(sorted(entries)[:_SHOWN])
    return f"{root} has no images in folders of their own (it has {shown}); {LAYOUT}"
