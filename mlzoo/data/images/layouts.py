"""Names that files and folders of images have; light, since every path is recognized by them."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path
from typing import Any

from mlzoo.core.errors import DataError
from mlzoo.core.files import is_folder

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
PART_FOLDERS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}
IMAGES = ("images", "image", "imgs", "img")
MASKS = ("masks", "mask", "labels", "annotations")
DEGRADED = ("noisy", "degraded", "input", "inputs", "low", "lr", "blurred", "damaged")
CLEAN = ("clean", "target", "targets", "truth", "gt", "high", "hr", "sharp")
BESIDE = "_mask"
"""Ending of the name of a mask that stands beside its image."""
TABLES = (".csv", ".tsv", ".txt", ".parquet")
"""Endings of tables' names."""
SEQUENCES = (*TABLES, ".wav", ".npy", ".npz")
"""Endings of the names of files that hold a sequence."""
BESIDE_DATA = frozenset(("readme.txt", "classes.txt", "license.txt", "license.txt"))
"""Text files that say something of the data beside them."""
_LOOKED_AT = 2000
_FOLDERS_LOOKED_AT = 50


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted; hidden ones left out.

    Raises:
        DataError: it can't be listed.
    """
    try:
        return sorted(e.name for e in os.scandir(folder) if is_folder(e) and e.name[0] != ".")
    except OSError as error:
        raise DataError(f"{folder} can't be listed: {error.strerror}") from None


def has_masks(root: Path) -> bool:
    """Return whether a folder looks like images with masks, by its first entries."""
    try:
        parts = [name for name in subfolders(root) if name.lower() in PART_FOLDERS]
        return any(
            folder_pair(subfolders(folder)) is not None or _some_beside(folder)
            for folder in (root, *(root / name for name in parts))
        )
    except (DataError, OSError):
        return False


def folder_pair(names: list[str]) -> tuple[str, str] | None:
    """The names of the folders of images and of masks."""
    return _both(names, IMAGES, MASKS)


def pair_folders(root: Path) -> tuple[str, str] | None:
    """Return the names of the folders of degraded and of clean images; None without both."""
    return _both(subfolders(root), DEGRADED, CLEAN)


def _both(names: list[str], first: tuple[str, ...], second: tuple[str, ...]) -> Any:
    """Return the names that are among each of two lists, in any case; None without both."""
    by_name = {name.lower(): name for name in names}
    pair = [next((by_name[n] for n in wanted if n in by_name), None) for wanted in (first, second)]
    return None if None in pair else tuple(pair)


def has_pairs(root: Path) -> bool:
    """Return whether a folder holds degraded and clean images of the same names.

    The first files are looked at.
    """
    try:
        both = pair_folders(root)
        if both is None:
            return False
        stems = [
            {
                Path(entry.name).stem
                for _, entry in zip(range(_LOOKED_AT), os.scandir(root / name), strict=False)
                if Path(entry.name).suffix.lower() in SUFFIXES
            }
            for name in both
        ]
    except (DataError, OSError):
        return False
    return bool(stems[0] & stems[1])


def _some_beside(folder: Path) -> bool:
    """Return whether one of the first files is a mask that stands beside its image."""
    stems = set()
    for number, entry in enumerate(os.scandir(folder)):
        if number >= _LOOKED_AT:
            break
        path = Path(entry.name)
        if path.suffix.lower() in SUFFIXES:
            stems.add(path.stem)
    return any(stem.endswith(BESIDE) and stem.removesuffix(BESIDE) in stems for stem in stems)


def has_sequences(root: Path) -> bool:
    """Return whether a folder, or one within, holds tables or sounds, and no images or arrays."""
    try:
        if (root / "x.npy").exists():
            return False
        names = subfolders(root)
        folders = [root, *(root / name for name in names)]
        for name in names:
            if name.lower() in PART_FOLDERS:
                folders += [root / name / inner for inner in subfolders(root / name)]
        table_counts = [_tables(folder) for folder in folders[:_FOLDERS_LOOKED_AT]]
    except (DataError, OSError):
        return False
    return None not in table_counts and sum(count or 0 for count in table_counts) > 1


def _tables(folder: Path) -> int | None:
    """Return the number of tables of data among the first files; None where one is an image."""
    tables = 0
    for number, entry in enumerate(os.scandir(folder)):
        if number >= _LOOKED_AT:
            break
        suffix = Path(entry.name).suffix.lower()
        if suffix in SUFFIXES:
            return None
        tables += suffix in SEQUENCES and entry.name.lower() not in BESIDE_DATA
    return tables


_DATE = re.compile(r"\d{4}([-/])\d{2}(\1\d{2}([ T]\d{1,2}:\d{2}.*)?)?|\d{4}\.\d{2}\.\d{2}")
_MONTH = re.compile(r"(\d{1,3})-(0[1-9]|1[0-2])")
_YEAR = re.compile(r"[12]\d{3}")
_SERIES_LINES = 20
_PROSE, _LONG_LINES = 8192, 500
"""Characters that are looked at, and how many of one or two lines are a text."""


def looks_like_prose(path: Path) -> bool:
    """Return whether a .txt file's beginning is text in lines, not a table."""
    if path.suffix.lower() != ".txt":
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            beginning = file.read(_PROSE)
    except OSError:
        return False
    lines = [line.strip() for line in beginning.splitlines() if line.strip()]
    text = "".join(lines)
    letters = sum(character.isalpha() or character == " " for character in text)
    if (len(lines) < 3 and len(text) < _LONG_LINES) or letters < 0.6 * len(text):
        return False
    whole = lines if len(beginning) < _PROSE else lines[:-1]
    counts = [{line.count(delimiter) for line in whole} for delimiter in ",;\t|"]
    return len(whole) < 2 or not any(
        len(line_counts) == 1 and line_counts != {0} for line_counts in counts
    )


def looks_like_series(path: Path) -> bool:
    """Return whether a table's first lines have a column of dates, year first, each after the last.

    The last of the other columns must hold numbers: text there is what a table would predict.
    Years alone count where there is one other column, of numbers.
    """
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            lines = [line for _, line in zip(range(_SERIES_LINES), file, strict=False)]
    except OSError:
        return False
    for delimiter in (",", ";", "\t"):
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:  # a cell that is longer than any of a series
            continue
        if len(rows) < 4 or len(rows[0]) < 2:
            continue
        columns = [[cell.strip() for cell in cells] for cells in zip(*rows[1:], strict=False)]
        for i, cells in enumerate(columns):
            if _go_on(cells, only=len(columns) == 2 and i == 0):
                return any(map(_is_number, [*columns[:i], *columns[i + 1 :]][-1]))
    return False


def _go_on(cells: list[str], only: bool) -> bool:
    """Return whether cells are times in order; bare years where they are the only time."""
    if all(map(_DATE.fullmatch, cells)):
        return cells == sorted(set(cells))
    months = [match for cell in cells if (match := _MONTH.fullmatch(cell))]
    if len(months) == len(cells):
        numbers = [12 * int(match[1]) + int(match[2]) for match in months]
    elif only and all(map(_YEAR.fullmatch, cells)):
        numbers = list(map(int, cells))
    else:
        return False
    steps = {later - earlier for earlier, later in zip(numbers, numbers[1:], strict=False)}
    return len(steps) == 1 and min(steps) > 0


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
