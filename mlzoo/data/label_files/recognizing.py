"""Tables that name image files, recognized by their first rows; light, as `layouts.py` is."""

from __future__ import annotations

import csv
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlzoo.core.errors import DataError
from mlzoo.core.files import is_folder
from mlzoo.data.images.layouts import BESIDE_DATA, PART_FOLDERS, SUFFIXES, TABLES, subfolders
from mlzoo.data.objects.store import is_reference
from mlzoo.data.splits.names import PARTS
from mlzoo.data.tables.formats import JSON_LINES

OUTPUTS = frozenset(("augmented.csv", "predictions.csv", "out_of_fold.csv"))
"""Tables of our own that name images."""
LABEL_TABLES = (*TABLES, *JSON_LINES)
"""Endings of tables that are looked into; one of another kind is named by its path."""
_ROWS = 50
"""Rows that are looked at."""
_TRIED = 5
"""Cells after which a column is given up, where none of them named a file."""
_COLUMNS = 30
"""Columns that are looked at; a table of more numbers is no list of files."""
_LOOKED_AT = 2000
_FOLDERS = 50
_FOUND = 0.5
"""Share of a column's cells that must name files for it to be the files' column."""


@dataclass(frozen=True)
class LabelFile:
    """A table that names images, and the split that its name or its folder gives ("": none)."""

    path: Path
    part: str = ""


def find_label_files(location: Path) -> list[LabelFile]:
    """Return the tables at a path that name images.

    Args:
        location: a table, a folder that holds tables, or one with train, valid and test folders
            that hold one each.

    Returns:
        One table; several without a part where nothing says which one is meant; or one a part,
        that of the training split among them.
    """
    try:
        if not location.is_dir():
            return [LabelFile(location)] if names_images(location) else []
        tables = _label_files_in(location)
        if len(tables) == 1:
            return [LabelFile(tables[0])]
        if tables:
            parts = [PART_FOLDERS.get(path.stem.lower(), "") for path in tables]
        else:
            folders = [n for n in subfolders(location) if n.lower() in PART_FOLDERS]
            by_folder = {n: _label_files_in(location / n) for n in folders}
            tables = [path for paths in by_folder.values() for path in paths]
            parts = [PART_FOLDERS[n.lower()] for n, paths in by_folder.items() for _ in paths]
    except (DataError, OSError):
        return []
    split = "train" in parts and "" not in parts and len(set(parts)) == len(parts)
    label_files = [LabelFile(p, n if split else "") for p, n in zip(tables, parts, strict=True)]
    return sorted(label_files, key=lambda each: PARTS.index(each.part or PARTS[0]))


def label_files_at(location: Path) -> list[LabelFile]:
    """Return the tables at a path that name images, as `find_label_files` does.

    A table that was given by its path, or by Python code, is taken in any case.

    Raises:
        DataError: a folder holds none.
    """
    if location.is_file() or is_reference(location):
        return [LabelFile(location)]
    tables = find_label_files(location)
    if not tables:
        raise DataError(
            f"{location} holds no table ({', '.join(LABEL_TABLES)}) that names images there; name "
            "the table in place of the folder"
        )
    return tables


def _label_files_in(folder: Path) -> list[Path]:
    tables = [
        Path(entry.path)
        for entry in os.scandir(folder)
        if entry.name.lower().endswith(LABEL_TABLES)
        and entry.name[0] != "."
        and entry.name.lower() not in BESIDE_DATA | OUTPUTS
        and not is_folder(entry)
    ]
    return [path for path in sorted(tables) if names_images(path)]


def names_images(table: Path) -> bool:
    """Return whether a column of a table's first rows names image files that are there.

    Names may lack what ends them (`.jpg`); they then name a file each, as identifiers do.
    """
    if not table.name.lower().endswith(LABEL_TABLES):
        return False
    try:
        beside = _Beside(table.parent)
        return any(
            _are_files(cells, beside)
            for rows in _first_rows(table, beside)
            for cells in list(zip(*filter(None, rows), strict=False))[:_COLUMNS]
        )
    except (DataError, OSError, UnicodeDecodeError):
        return False


class _Beside:
    """Folders beside a table in which its images may be; looked at when they are asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: list[Path] | None = None
        self._suffixes: list[str] | None = None
        self._names: list[tuple[str, frozenset[str] | None]] | None = None

    @property
    def folders(self) -> list[Path]:
        """The table's own folder, those in it, and those in these."""
        if self._folders is None:
            inner = [self.root / name for name in subfolders(self.root)][:_FOLDERS]
            deeper = [folder / name for folder in inner for name in subfolders(folder)]
            self._folders = [self.root, *inner, *deeper[:_FOLDERS]]
        return self._folders

    @property
    def suffixes(self) -> list[str]:
        """Endings of the names of images in the folders; none: there are no images."""
        if self._suffixes is None:
            names = (name for folder in self.folders for name in _first_names(folder))
            endings = {PurePosixPath(name).suffix for name in names}
            self._suffixes = sorted(each for each in endings if each.lower() in SUFFIXES)
        return self._suffixes

    def has(self, name: str) -> bool:
        """Return whether a file of that name, or of its last parts, is in one of the folders."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        return any(self._has(parts[start:]) for start in range(len(parts)))

    def _has(self, parts: Sequence[str]) -> bool:
        if self._names is None:
            self._names = [(str(folder), _all_names(folder)) for folder in self.folders]
        # `..`, a root and a drive lead out of the folders, whose names then say nothing.
        key = None if parts[0] == ".." or set(parts[0]) & set("/:") else _key(parts[0])
        return any(
            os.path.isfile(os.path.join(folder, *parts))
            for folder, names in self._names
            if key is None or names is None or key in names
        )


def _key(name: str) -> str:
    """Return a name as file systems compare it that ignore case and composition."""
    return unicodedata.normalize("NFD", name).casefold()


def _all_names(folder: Path) -> frozenset[str] | None:
    """Return the keys of the names in a folder; None if they can't all be listed."""
    try:
        names = _first_names(folder)
    except OSError:
        return None
    return None if len(names) >= _LOOKED_AT else frozenset(map(_key, names))


def _first_names(folder: Path) -> list[str]:
    return [entry.name for _, entry in zip(range(_LOOKED_AT), os.scandir(folder), strict=False)]


def _are_files(cells: Sequence[str], beside: _Beside) -> bool:
    """Return whether cells of a column name images; the first may be the column's name."""
    known = [cell for cell in (cell.strip() for cell in cells) if cell]
    whole = [cell for cell in known if PurePosixPath(cell).suffix.lower() in SUFFIXES]
    if len(whole) > _FOUND * (len(known) - 1):
        return sum(map(beside.has, whole)) >= _FOUND * len(whole)
    if whole or len(set(known)) < max(2, len(known)) or not beside.suffixes:
        return False
    present = 0
    for number, cell in enumerate(known, start=1):
        present += any(beside.has(cell + suffix) for suffix in beside.suffixes)
        if number >= _TRIED and not present:
            return False
    return present >= max(2, _FOUND * (len(known) - 1))


def _first_rows(table: Path, beside: _Beside) -> Iterator[list[list[str]]]:
    """Yield the first rows of a table as cells, once for each delimiter that it may have."""
    suffix = table.suffix.lower()
    if suffix == ".parquet":
        if beside.suffixes:
            yield _parquet_rows(table)
        return
    with table.open(encoding="utf-8-sig") as file:
        lines = [line for _, line in zip(range(_ROWS), file, strict=False)]
    if suffix in JSON_LINES:
        yield _json_rows(lines)
        return
    for delimiter in (",", ";", "\t", "|"):
        try:
            yield list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
        except csv.Error:
            continue


def _json_rows(lines: Iterable[str]) -> list[list[str]]:
    try:
        rows = [json.loads(line) for line in lines if line.strip()]
    except ValueError:
        return []
    rows = [row for row in rows if isinstance(row, dict)]
    names = dict.fromkeys(name for row in rows for name in row)
    return [[str(row.get(name, "")) for name in names] for row in rows]


def _parquet_rows(table: Path) -> list[list[str]]:
    import pyarrow
    from pyarrow import parquet

    try:
        batch = next(parquet.ParquetFile(table).iter_batches(_ROWS), None)
    except pyarrow.ArrowException:
        return []
    rows = [] if batch is None else batch.to_pylist()
    return [[str(value) for value in row.values()] for row in rows]


def has_class_folders(folder: Path) -> bool:
    """Return whether two folders in a folder, or in its training folder, hold images."""
    try:
        names = subfolders(folder)
        parts = [name for name in names if PART_FOLDERS.get(name.lower()) == "train"]
        root = folder / parts[0] if parts else folder
        holding = (name for name in subfolders(root) if _holds_images(root / name))
        return len([name for _, name in zip(range(2), holding, strict=False)]) == 2
    except (DataError, OSError, IndexError):
        return False


def _holds_images(folder: Path) -> bool:
    return any(PurePosixPath(name).suffix.lower() in SUFFIXES for name in _first_names(folder))
