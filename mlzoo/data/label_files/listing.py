"""Images that tables name: which file each row means, and what the table says of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import as_text
from mlzoo.core.messages import few
from mlzoo.core.registry import closest
from mlzoo.core.setting_types import Delimiter, Header
from mlzoo.data.images.layouts import SUFFIXES
from mlzoo.data.label_files.index import FileIndex
from mlzoo.data.label_files.recognizing import LabelFile
from mlzoo.data.objects.store import FILE_COLUMN, held, is_reference
from mlzoo.data.tables.tables import Table, read_table, text_cells

_DECIDING = 200
"""Rows by which the column of file names is chosen."""
_FOUND = 0.5
"""Share of a column's cells that must name images for it to be that of the files."""
_DISTINCT = 0.9
"""Share of cells without an ending (`.jpg`) that must differ from all others, as identifiers do."""
_SHOWN = 8


@dataclass
class LabeledFiles:
    """Images that tables name, a row each, in the order of the rows.

    `problems` are rows that name no image, with the reasons, by the name that they give.
    """

    root: Path
    table: Table
    files: list[Path]
    parts: np.ndarray | None = None
    file_column: str = ""
    notes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Return the files' paths relative to the folder."""
        return [relative_name(path, self.root) for path in self.files]

    def only(self, keep: np.ndarray) -> LabeledFiles:
        """Return the rows where `keep` is true."""
        return LabeledFiles(
            self.root,
            self.table.only(keep),
            [path for path, kept in zip(self.files, keep, strict=True) if kept],
            None if self.parts is None else self.parts[keep],
            self.file_column,
            self.notes,
            self.problems,
        )


def relative_name(path: Path, root: Path) -> str:
    """Return a file's path relative to a folder, from the root on where it is elsewhere."""
    inside = path.is_relative_to(root)
    return as_text((path.relative_to(root) if inside else path).as_posix())


def read_label_files(
    label_files: Sequence[LabelFile],
    file_column: str | None = None,
    delimiter: Delimiter = None,
    header: Header = "auto",
) -> LabeledFiles:
    """Read tables that name images, and find the images.

    Args:
        label_files: as `find_label_files` gives them.
        file_column: the column of file names; None: the one whose cells are files.
        delimiter: of the tables; None: recognized.
        header: whether the first line names the columns; auto: recognized.

    Raises:
        UsageError: several tables without a split each, or several columns that may be meant.
        DataError: a table can't be read, or none of its columns names images.
    """
    if len(label_files) > 1 and not all(each.part for each in label_files):
        listed = few([each.path.name for each in label_files])
        raise UsageError(
            f"{label_files[0].path.parent} holds {len(label_files)} tables that name images "
            f"({listed}); name the one to use in place of the folder"
        )
    if is_reference(label_files[0].path):
        return _of_paths(held(label_files[0].path), file_column or FILE_COLUMN)
    expected = [file_column] if file_column else []
    read = [_read_one(each, file_column, read_table(each.path, delimiter, header, expected))
            for each in label_files]  # fmt: skip
    root = Path(os.path.commonpath([each.root for each in read]))
    return read[0] if len(read) == 1 else _joined(root, read, label_files)


def _of_paths(table: Table, file_column: str) -> LabeledFiles:
    """Return the images of a table of Python code, whose paths are absolute."""
    cells = table.columns[file_column]
    is_file = np.array([cell is not None and os.path.isfile(cell) for cell in cells], dtype=bool)
    files = [Path(cell) for cell in cells[is_file]]
    root = Path(os.path.commonpath([path.parent for path in files])) if files else Path()
    problems = {
        str(cells[row]): f"there is no such file, row {table.rows[row]}"
        for row in np.flatnonzero(~is_file)
    }
    return LabeledFiles(
        root, table.only(is_file), files, file_column=file_column, problems=problems
    )


def _joined(
    root: Path, read: Sequence[LabeledFiles], label_files: Sequence[LabelFile]
) -> LabeledFiles:
    """Return the tables of the splits as one; where one lacks a column, values are missing."""
    first = read[0]
    for each, file in zip(read, label_files, strict=True):
        if each.file_column != first.file_column:
            raise DataError(
                f"{file.path} names images in the column {each.file_column!r}, and "
                f"{label_files[0].path} in {first.file_column!r}; give them one name"
            )
    columns = list(dict.fromkeys(name for each in read for name in each.table.columns))
    parts = [file.part for file in label_files]
    notes = [note for each in read for note in each.notes]
    return LabeledFiles(
        root,
        Table(
            {name: _stacked(name, [each.table for each in read]) for name in columns},
            np.concatenate([each.table.lines for each in read]),
            np.concatenate([each.table.rows for each in read]),
            tuple(dict.fromkeys(note for each in read for note in each.table.notes)),
        ),
        [path for each in read for path in each.files],
        np.repeat(parts, [len(each.files) for each in read]),
        first.file_column,
        list(dict.fromkeys(notes)),
        {name: why for each in read for name, why in each.problems.items()},
    )


def _stacked(name: str, tables: Sequence[Table]) -> np.ndarray:
    """Return a column of several tables."""
    known = [table.columns[name] for table in tables if name in table.columns]
    numbers = all(values.dtype != object for values in known)
    missing = np.nan if numbers else None
    parts = [table.columns.get(name, np.full(len(table), missing)) for table in tables]
    return np.concatenate(parts if numbers else [np.array(text_cells(p), object) for p in parts])


def _read_one(label_file: LabelFile, file_column: str | None, table: Table) -> LabeledFiles:
    """Return the images that one table names; those that it does not name are noted."""
    path = label_file.path
    index = FileIndex(path.parent, path.stem)
    column = _file_column(path, table, file_column, index)
    cells = index.shortened(text_cells(table.columns[column]))
    files: list[Path] = []
    keep = np.zeros(len(table), dtype=bool)
    problems: dict[str, str] = {}
    for row, cell in enumerate(cells):
        matches = [] if cell is None else index.find(cell)
        if len(matches) == 1:
            keep[row] = True
            files.append(matches[0])
        elif cell is None:
            problems[f"{path.name}, {table.where(row)}"] = f"its {column!r} is empty"
        else:
            listed = few([relative_name(match, path.parent) for match in matches], 3)
            why = f"names {len(matches)} files ({listed})" if matches else "there is no such file"
            problems[cell] = f"{why}, {table.where(row)} of {path.name}"
    notes = [f"files: column {column!r} of {path.name} (--file-column)"]
    unnamed = sorted(set(index.files) - set(files))
    if unnamed:
        listed = few([relative_name(each, path.parent) for each in unnamed], _SHOWN)
        count = f"{len(unnamed)} of {len(index.files)} images"
        notes.append(f"unlabeled: {count} are not in {path.name} and are left out ({listed})")
    return LabeledFiles(
        path.parent, table.only(keep), files, file_column=column, notes=notes, problems=problems
    )


def _file_column(path: Path, table: Table, wanted: str | None, index: FileIndex) -> str:
    """Return the column that names files.

    Raises:
        UsageError: two columns name as many, and different ones.
        DataError: there is no such column, or none names images.
    """
    names = list(table.columns)
    if wanted is not None and wanted not in names:
        close = closest(wanted, names)
        hint = f" (did you mean {close!r}?)" if close else ""
        raise DataError(f"--file-column: {path} has no {wanted!r}{hint}; it has {few(names)}")
    if wanted is not None:
        return wanted
    by_column = {name: _images_named(table.columns[name], index) for name in names}
    likely = [name for name in names if by_column[name]]
    if not likely:
        raise DataError(
            f"{path}: no column names images beside it; it has {few(names)}, and {path.parent} "
            f"holds {len(index.files)} images; name the column with --file-column"
        )
    whole = [name for name in likely if _have_endings(table.columns[name])]
    likely = whole or likely
    if any(by_column[name] != by_column[likely[0]] for name in likely):
        raise UsageError(
            f"{path} names images in the columns {' and '.join(map(repr, likely))}; choose one "
            "with --file-column"
        )
    return likely[0]


def _images_named(column: np.ndarray, index: FileIndex) -> list[Path]:
    """Return the images that a column's first cells name; none where few of them do."""
    cells = [cell for cell in text_cells(column[:_DECIDING]) if cell is not None]
    if not _have_endings(column) and len(set(cells)) < _DISTINCT * len(cells):
        return []  # a few numbers that files happen to be called by, such as classes
    matches = [index.find(cell) for cell in index.shortened(cells) if cell is not None]
    images = [match for each in matches for match in each]
    return images if sum(map(bool, matches)) >= max(1, _FOUND * len(cells)) else []


def _have_endings(column: np.ndarray) -> bool:
    """Return whether most of a column's first cells end as names of image files do."""
    cells = [cell for cell in text_cells(column[:_DECIDING]) if cell is not None]
    whole = sum(PurePosixPath(cell).suffix.lower() in SUFFIXES for cell in cells)
    return whole > _FOUND * len(cells)
