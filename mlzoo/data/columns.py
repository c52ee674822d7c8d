"""Table columns to the numbers that a model takes: numeric ones as they are, text as categories."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlzoo.data.samples import Column
from mlzoo.data.tables import Table
from mlzoo.errors import DataError

MOST_CATEGORIES = 100
_NUMERIC_SHARE = 0.9
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True)
class Encoded:
    """Input columns as one matrix, NaN for missing numbers and -1 for missing categories."""

    matrix: np.ndarray
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def numbers(table: Table, name: str) -> np.ndarray | None:
    """A column as float64 with NaN where it is missing; None where it holds text.

    Raises:
        DataError: nine of ten values are numbers and some are not, or some are infinite.
    """
    values = table.columns[name]
    if values.dtype != object:
        parsed, missing = values, np.isnan(values)
    else:
        missing = np.array([value is None for value in values])
        parsed = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(float)
        text = np.isnan(parsed) & ~missing
        if text.sum() > (1 - _NUMERIC_SHARE) * (~missing).sum():
            return None
        if text.any():
            raise DataError(_text_among_numbers(table, name, np.flatnonzero(text)))
    infinite = np.flatnonzero(np.isinf(parsed.astype(np.float32)))
    if len(infinite):
        row = int(infinite[0])
        raise DataError(
            f"column {name!r}, {table.where(row)}: {values[row]} is no finite number "
            f"({len(infinite)} such values); correct it or leave the column out with --drop"
        )
    return parsed


def _text_among_numbers(table: Table, name: str, rows: np.ndarray) -> str:
    row = int(rows[0])
    more = f", and {len(rows) - 1} more such values" if len(rows) > 1 else ""
    return (
        f"column {name!r}, {table.where(row)}: {table.columns[name][row]!r} stands among numbers"
        f"{more}; correct it, leave the cell empty, or leave the column out with --drop"
    )


def encode(table: Table, names: Sequence[str]) -> Encoded:
    """The columns `names` as a float32 matrix, with what is notable about them."""
    matrix = np.full((len(table), len(names)), np.nan, dtype=np.float32)
    columns: list[Column] = []
    warnings: list[str] = []
    for index, name in enumerate(names):
        parsed = numbers(table, name)
        if parsed is None:
            categories, positions = _categories(table, name)
            columns.append(Column(name, categories))
            matrix[:, index] = positions
        else:
            columns.append(Column(name))
            matrix[:, index] = parsed
            warnings += _looks_like_id(name, parsed)
    warnings += _useless(matrix, columns)
    notes = _notes(matrix, columns)
    return Encoded(matrix, tuple(columns), tuple(notes), tuple(warnings))


def encode_as(table: Table, columns: Sequence[Column]) -> tuple[np.ndarray, list[str]]:
    """New rows in the columns of a trained model, by name; unknown categories become -1.

    Raises:
        DataError: a column is missing, or holds text where numbers were trained on.
    """
    _require(table, [column.name for column in columns])
    matrix = np.full((len(table), len(columns)), np.nan, dtype=np.float32)
    warnings = []
    for index, column in enumerate(columns):
        if not column.categories:
            parsed = numbers(table, column.name)
            if parsed is None:
                raise DataError(
                    f"column {column.name!r} holds text such as {_first(table, column.name)!r}, "
                    "but the model was trained on numbers there"
                )
            matrix[:, index] = parsed
            continue
        values = _text(table.columns[column.name])
        place = {category: i for i, category in enumerate(column.categories)}
        matrix[:, index] = [place.get(v, -1) if v is not None else -1 for v in values]
        unseen = sorted({v for v in values if v is not None and v not in place})
        if unseen:
            warnings.append(
                f"column {column.name!r}: {', '.join(map(repr, unseen[:5]))} did not occur in the "
                f"training data and count as unknown ({len(unseen)} such values)"
            )
    return matrix, warnings


def _require(table: Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(
            f"the table lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing))} that the model takes; "
            f"it has {', '.join(map(repr, table.columns))}"
        )


def _text(values: np.ndarray) -> list[str | None]:
    if values.dtype == object:
        return list(values)
    return [None if np.isnan(v) else str(int(v)) if v == int(v) else str(v) for v in values]


def _first(table: Table, name: str) -> str | None:
    return next((value for value in table.columns[name] if value is not None), None)


def _categories(table: Table, name: str) -> tuple[tuple[str, ...], np.ndarray]:
    values = table.columns[name]
    distinct = sorted({value for value in values if value is not None})
    present = sum(value is not None for value in values)
    if len(distinct) > MOST_CATEGORIES or (len(distinct) > 10 and len(distinct) * 2 > present):
        raise DataError(_too_many(name, distinct, present))
    place = {category: i for i, category in enumerate(distinct)}
    positions = [-1 if value is None else place[value] for value in values]
    return tuple(distinct), np.array(positions, dtype=np.float32)


def _too_many(name: str, distinct: list[str], present: int) -> str:
    example = distinct[0]
    if _DATE.match(example):
        advice = "they look like dates: turn them into numbers (a year, a day), or leave them out"
    elif _DECIMAL_COMMA.fullmatch(example):
        advice = "they look like numbers with a decimal comma: write them with a point"
    else:
        advice = "they look like names or identifiers: leave them out"
    series = ", or --source series to forecast from them" if _DATE.match(example) else ""
    return (
        f"column {name!r} has {len(distinct)} different texts in {present} rows, such as "
        f"{example!r}; {advice} with --drop {name!r}{series}"
    )


def _looks_like_id(name: str, values: np.ndarray) -> list[str]:
    if len(values) < 20 or np.isnan(values).any():
        return []
    ordered = np.sort(values)
    if ordered[0] in (0, 1) and (np.diff(ordered) == 1).all():
        return [f"column {name!r} counts the rows; if it is an identifier, --drop {name!r}"]
    return []


def _useless(matrix: np.ndarray, columns: list[Column]) -> list[str]:
    warnings = []
    first: dict[bytes, str] = {}
    for index, column in enumerate(columns):
        values = matrix[:, index]
        known = values[~np.isnan(values)]
        if len(known) == 0 or (known == known[0]).all():
            shown = "empty" if len(known) == 0 else "constant"
            warnings.append(f"column {column.name!r} is {shown}; --drop {column.name!r}")
            continue
        same = first.setdefault(values.tobytes(), column.name)
        if same != column.name:
            warnings.append(
                f"columns {same!r} and {column.name!r} are the same; --drop {column.name!r}"
            )
    return warnings


def _notes(matrix: np.ndarray, columns: list[Column]) -> list[str]:
    text = [column.name for column in columns if column.categories]
    kinds = f"inputs: {len(columns) - len(text)} numeric"
    if text:
        kinds += f" and {len(text)} categorical columns ({', '.join(text)})"
    else:
        kinds += " columns"
    notes = [f"{kinds} (--drop)"]
    categorical = np.array([bool(column.categories) for column in columns])
    missing = np.where(categorical, matrix == -1, np.isnan(matrix))
    if missing.any():
        counts = missing.sum(axis=0)
        worst = ", ".join(
            f"{column.name} {count}" for column, count in zip(columns, counts, strict=True) if count
        )
        notes.append(
            f"missing values: {int(missing.sum())} in {int(missing.any(axis=1).sum())} of "
            f"{len(matrix)} rows ({worst}); numbers are filled with the training part's median, "
            "categories count as unknown"
        )
    return notes
