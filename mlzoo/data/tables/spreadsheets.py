"""Sheets of spreadsheets (.xlsx) as rows of text cells, so that they are read as text files are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import few
from mlzoo.core.registry import closest


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


def _text(cell: Any) -> str:
    """Return a cell as text: whole numbers without a decimal point."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
