"""Measurements of a problem's unknowns, from which its parameters are fitted."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import series

_MOST_BYTES = 50_000_000


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measured values of unknowns at points.

    Attributes:
        points: (n, inputs) coordinates, then parameters that are inputs.
        values: (n, k) measured values.
        unknowns: positions of the k unknowns among those of the problem.
    """

    points: np.ndarray
    values: np.ndarray
    unknowns: tuple[int, ...]

    def part(self, rows: np.ndarray) -> Measurements:
        """Return some rows."""
        return Measurements(self.points[rows], self.values[rows], self.unknowns)


def read_measurements(
    path: Path, inputs: tuple[str, ...], unknowns: tuple[str, ...]
) -> Measurements:
    """Return the measurements of a CSV file with a header.

    Args:
        path: the file.
        inputs: columns that it must have.
        unknowns: columns of which it must have one or more.

    Raises:
        DataError: it can't be read, lacks a column, or has a cell that is no number.
    """
    try:
        refuse_special(path)
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES:,} bytes")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}; correct its path") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} is no CSV in UTF-8") from None
    header = [cell.strip() for cell in rows[0]] if rows else []
    measured = tuple(name for name in unknowns if name in header)
    if missing := [name for name in inputs if name not in header]:
        raise DataError(f"{path} has no column {missing[0]!r}; it has {series(header, 'and')}")
    if not measured:
        names = series(unknowns, "or")
        raise DataError(f"{path} has no column of {names}; it has {series(header, 'and')}")
    places = [header.index(name) for name in (*inputs, *measured)]
    numbers = [
        [_number(path, line, row, place, header) for place in places]
        for line, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]
    if not numbers:
        raise DataError(f"{path} has no rows below its header")
    table = np.array(numbers)
    which = tuple(unknowns.index(name) for name in measured)
    return Measurements(table[:, : len(inputs)], table[:, len(inputs) :], which)


def _number(path: Path, line: int, row: list[str], place: int, header: list[str]) -> float:
    text = row[place].strip() if place < len(row) else ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{path}, line {line}: {header[place]} is no number (got {text!r})")
    return value
