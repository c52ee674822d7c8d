"""Sheets of spreadsheets (.xlsx) as rows of text cells, so that they are read as text files are."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import psutil

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import few
from mlzoo.core.registry import closest

_REFERENCE = re.compile(rb"<(?:[\w.-]+:)?c\s[^>]{0,200}?\br=[\"']([A-Z]{1,3})(\d{1,7})[\"']")
_LONGEST = 256
"""Bytes of the longest reference that is looked for."""
_CELL_BYTES = 32
"""Memory of a cell, also an empty one, while a sheet is read."""
_CHUNK = 2**24


def read_sheet(path: Path, sheet: str | None = None) -> tuple[list[list[str]], list[int], str]:
    """Return the rows of a sheet.

    Args:
        path: the file.
        sheet: the sheet's name; None: the first one.

    Returns:
        Text cells by row, blank rows left out; the number of each row; and a note where there are
        other sheets.

    Raises:
        DataError: it is no spreadsheet, or has no such sheet or nothing on it.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    refuse_special(path)
    _refuse_far_cells(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError) as error:
        raise DataError(f"{path} can't be read as a spreadsheet: {error}") from None
    names = book.sheet_names
    if sheet is not None and sheet not in names:
        close = closest(sheet, names)
        hint = f" (did you mean {close!r}?)" if close else ""
        raise DataError(f"{path} has no sheet {sheet!r}{hint}; it has {few(names)}")
    name = sheet or names[0]
    try:
        cells = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise DataError(f"{path}: sheet {name!r} can't be read: {error}") from None
    numbered = [(number, list(map(_text, row))) for number, row in enumerate(cells, start=1)]
    rows = [(number, row) for number, row in numbered if any(row)]
    if not rows:
        raise DataError(f"{path}: sheet {name!r} is empty; it has {few(names)} (sheet=)")
    filled = [column for column in range(len(rows[0][1])) if any(row[column] for _, row in rows)]
    note = ""
    if sheet is None and len(names) > 1:
        note = f"sheet: {name!r}, the first of {few(names)} (--source-set sheet=)"
    return [[row[c] for c in filled] for _, row in rows], [number for number, _ in rows], note


def _refuse_far_cells(path: Path) -> None:
    """Raise DataError where a sheet reaches beyond memory, as by one cell in a far corner.

    All cells up to the last are made room for when a sheet is read.
    """
    free = psutil.virtual_memory().available
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith(".xml"):
                    continue
                rows, columns = _last(archive, name)
                if rows * columns * _CELL_BYTES > free:
                    raise DataError(
                        f"{path}: a sheet reaches row {rows:,} and column {columns:,}; room for "
                        f"all cells up to there is more than the {free / 2**30:.1f} GiB of memory "
                        "that are free; delete what lies far from the table, or save it as .csv"
                    )
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError):
        return  # damaged or encrypted, which the reader names


def _last(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """Return the last row and the last column that a cell of a sheet names; 0 where none does."""
    rows: set[bytes] = set()
    columns: set[bytes] = set()
    rest = b""
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK):
            text = rest + chunk
            for column, row in set(_REFERENCE.findall(text)):
                columns.add(column)
                rows.add(row)
            rest = text[-_LONGEST:]
    return max(map(int, rows), default=0), max(map(_place, columns), default=0)


def _place(column: bytes) -> int:
    """Return the number of a column by its letters: A is 1, Z 26, AA 27."""
    place = 0
    for letter in column:
        place = 26 * place + letter - 64
    return place


def _text(cell: Any) -> str:
    """Return a cell as text: whole numbers without a decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
