"""Columns that are neither numbers nor categories: dates, texts, and identifiers.

A date is read as its year, month, day and weekday, and the hour where there are hours. A text is
read as counts of its words and pairs of words, hashed to `BUCKETS` columns and scaled to length 1
(Weinberger et al., "Feature hashing for large scale multitask learning", 2009), so that no
vocabulary is kept and new words have a place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError
from mlzoo.data.sequences.axes.times import are_dates, dates_of, parse_times
from mlzoo.data.tables.reader import HASHED, Column

BUCKETS = 64
DATE_PARTS = ("year", "month", "day", "weekday", "hour")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMED = "month by its name"
_NAMED_DATE = re.compile(r"(?=.*[^\W\d]{3})(?=.*(?<!\d)\d{4}(?!\d))")
"""A month's name and a year of four digits."""
_ORDERS = {"day first": "%d/%m/%Y", "month first": "%m/%d/%Y"}
_TIMES = ("", " %H:%M", " %H:%M:%S")
_DISTINCT = 0.95
"""Share of different values from which short texts tell rows apart, as identifiers do."""
_FEW_WORDS = 4
"""Mean words of a cell below which it is a name rather than a text."""
_SHOWN = 40


@dataclass(frozen=True)
class Expanded:
    """Columns of a model that are computed from one of a table.

    Attributes:
        columns: of the model, none where it is left out.
        values: (n, columns) float32.
        note: what was read, with the option that changes it.
    """

    columns: tuple[Column, ...]
    values: np.ndarray
    note: str


def expand_dates(name: str, values: np.ndarray) -> Expanded | None:
    """Return the parts of dates that vary; None where values are no dates.

    Args:
        name: of the column.
        values: (n,) its cells.

    Raises:
        DataError: day and month can't be told apart, or some cells are no dates.
    """
    if not are_dates(values):
        return None
    form = _form(name, values)
    if form is None:
        return None
    columns = tuple(
        Column(f"{name}.{part}", WEEKDAYS if part == "weekday" else (), name, part, form)
        for part in DATE_PARTS
    )
    matrix = features(values, columns)
    varies = [len(np.unique(column[~np.isnan(column)])) > 1 for column in matrix.T]
    kept = tuple(column for column, keep in zip(columns, varies, strict=True) if keep)
    parts = ", ".join(column.feature for column in kept)
    note = f"column {name!r}: dates, read as {parts or 'nothing, since all are the same'}"
    return Expanded(kept, matrix[:, varies], f"{note} (--raw-columns)")


def expand_texts(name: str, values: np.ndarray) -> Expanded:
    """Return hashed words of texts, or nothing of texts that name rows.

    Args:
        name: of the column.
        values: (n,) texts, None where one is missing.
    """
    known = [value for value in values if value is not None]
    distinct = set(known)
    words = np.mean([len(value.split()) for value in distinct])
    example = min(distinct)
    shown = example if len(example) <= _SHOWN else f"{example[:_SHOWN]}..."
    if words < _FEW_WORDS and len(distinct) >= _DISTINCT * len(known):
        note = f"column {name!r} is left out: texts such as {shown!r} name a row each"
        return Expanded((), np.zeros((len(values), 0), np.float32), f"{note} (--raw-columns)")
    columns = tuple(Column(f"{name}.{HASHED}{i}", (), name, f"{HASHED}{i}") for i in range(BUCKETS))
    matrix = features(values, columns)
    used = np.ptp(matrix, axis=0) > 0
    kept = tuple(column for column, keep in zip(columns, used, strict=True) if keep)
    note = f"column {name!r}: texts such as {shown!r}, read as {len(kept)} hashed words and pairs"
    return Expanded(kept, matrix[:, used], f"{note} (--raw-columns)")


def features(values: np.ndarray, columns: Sequence[Column]) -> np.ndarray:
    """Return what is computed of a column's cells, (n, columns) float32.

    Numbers of missing dates are NaN, their weekday is -1; a missing text has no words.

    Args:
        values: (n,) cells of the column that all `columns` are computed from.
        columns: of the model.

    Raises:
        DataError: a cell is no date, where dates were trained on.
    """
    if columns[0].hashed:
        matrix = _hashed(values)
        return matrix[:, [int(column.feature.removeprefix(HASHED)) for column in columns]]
    stamps = _dates(values, columns[0].form)
    unread = np.isnat(stamps) & np.array([value is not None and value == value for value in values])
    if unread.any():
        raise DataError(
            f"column {columns[0].origin!r} holds {str(values[unread][0])!r}, which is no date such "
            "as those that were trained on; correct it or leave the cell empty"
        )
    index = pd.DatetimeIndex(stamps)
    names = (column.feature.replace("weekday", "day_of_week") for column in columns)
    parts = [np.asarray(getattr(index, name), np.float32) for name in names]
    matrix = np.stack(parts, axis=1)
    weekdays = [column.feature == "weekday" for column in columns]
    return np.where(np.isnan(matrix) & weekdays, -1, matrix).astype(np.float32)


def _form(name: str, values: np.ndarray) -> str | None:
    """Return how dates are written: "" with the year first, else one of `_ORDERS` or `NAMED`.

    None where some cells are no dates, or years have two digits.

    Raises:
        DataError: day and month can't be told apart.
    """
    known = np.array([value is not None and value == value for value in values])
    stamps = {form: _dates(values, form)[known] for form in ("", *_ORDERS, NAMED)}
    forms = [form for form, each in stamps.items() if not np.isnat(each).any()]
    if len(forms) > 1 and not np.array_equal(stamps[forms[0]], stamps[forms[1]]):
        raise DataError(
            f"column {name!r} holds dates such as {values[known][0]!r}, in which day and month "
            "can't be told apart; write the year first, as in 2024-01-31"
        )
    return forms[0] if forms else None


def _dates(values: np.ndarray, form: str) -> np.ndarray:
    """Return datetime64, NaT where a cell is missing or is no date of that form."""
    text = pd.Series(values, dtype=object)
    if values.dtype != object or text.dropna().str.fullmatch(r"\d{8}").all():
        stamps = parse_times(values)[0]
        return stamps if stamps.dtype.kind == "M" and not form else _no_dates(len(values))
    if not form:
        return dates_of(text, format="ISO8601")
    if form == NAMED:
        # 01-Jan-75 would be read as of 2075, and 01-Jan-85 as of 1985.
        whole = text.str.contains(_NAMED_DATE, regex=True).fillna(False).astype(bool)
        return dates_of(text.where(whole))
    plain = text.str.replace(r"[.\-]", "/", n=2, regex=True)
    stamps = _no_dates(len(values))
    for time in _TIMES:
        parsed = dates_of(plain, format=_ORDERS[form] + time)
        stamps = np.where(np.isnat(stamps), parsed, stamps)
    return stamps


def _no_dates(count: int) -> np.ndarray:
    return np.full(count, "NaT", "datetime64[s]")


def _hashed(values: np.ndarray) -> np.ndarray:
    """Return hashed counts of words and pairs of words, (n, BUCKETS) float32."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(n_features=BUCKETS, ngram_range=(1, 2), dtype=np.float32)
    return np.asarray(hashing.transform(str(v or "") for v in values).toarray())
