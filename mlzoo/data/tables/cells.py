"""Cells of text: which are missing, and which are numbers with a decimal comma."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "<na>"})
_DECIMAL = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def decimal_columns(rows: Iterable[Sequence[str]]) -> tuple[int, ...]:
    """Return the places of columns whose numbers have a decimal comma, in order.

    They hold nothing but numbers below the first row, some with a comma, and one cell of them
    can't be thousands: 1,234 alone could be either.

    Args:
        rows: cells of a file whose columns are not divided by commas; one is held at a time.
    """
    rows = iter(rows)
    numeric = {*range(len(next(rows, ())))}
    commas: set[int] = set()
    certain: set[int] = set()
    for row in rows:
        for place in [*numeric]:
            cell = row[place].strip() if place < len(row) else ""
            if not _DECIMAL.fullmatch(cell):
                numeric -= set() if cell.lower() in MISSING else {place}
            elif "," in cell:
                commas.add(place)
                certain |= set() if _THOUSANDS.fullmatch(cell) else {place}
        if not numeric:
            break
    return tuple(sorted(numeric & commas)) if numeric & certain else ()


def with_points(row: list[str], columns: Collection[int]) -> list[str]:
    """Return a row whose numbers at some places have a decimal point in place of a comma."""
    return [
        cell.replace(",", ".") if place in columns and _DECIMAL.fullmatch(cell.strip()) else cell
        for place, cell in enumerate(row)
    ]


def decimal_notes(first: Sequence[str], columns: Collection[int]) -> list[str]:
    """Return a note on columns with decimal commas, by their names in the first row."""
    header = [cell.strip() for cell in first]
    places = ", ".join(
        header[place] if re.match(r"[^\W\d]", header[place]) else str(place + 1)
        for place in columns
    )
    called = "column" if len(columns) == 1 else "columns"
    return [f"decimal commas: in the {called} {places}"] if columns else []
