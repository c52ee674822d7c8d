"""Columns that say what kind each of several series is, or which one, as inputs of 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.messages import few
from mlzoo.core.registry import unknown
from mlzoo.data.sequences.steps import as_numbers
from mlzoo.data.tables.labels import class_name
from mlzoo.data.tables.tables import Table

_MOST_CODES = 64
"""Values of a static column that become inputs."""


def find_codes(
    table: Table, static: Sequence[str], group: str | None
) -> dict[str, tuple[str, ...]]:
    """Return the values of each static column that is coded: of texts, and of the series' names.

    Raises:
        DataError: a column is not there, or has more values than inputs are made of.
    """
    codes = {}
    for name in static:
        if name not in table.columns:
            raise DataError(f"--source-set static=: {unknown('column', name, table.columns)}")
        column = table.columns[name]
        if name != group and as_numbers(column) is not None:
            continue
        values = sorted({class_name(value) for value in column if not _missing(value)})
        if len(values) > _MOST_CODES:
            raise DataError(
                f"--source-set static=: {name!r} has {len(values)} values, and at most "
                f"{_MOST_CODES} become inputs; name a column of fewer, such as a kind of series"
            )
        codes[name] = tuple(values)
    return codes


def check_static(table: Table, static: Sequence[str], group: str | None) -> None:
    """Raise DataError where a static column changes within a series.

    Args:
        table: as `open_steps` gives it.
        static: names of the columns.
        group: column that tells series apart; None: there is one.
    """
    rows = len(next(iter(table.columns.values())))
    series = np.zeros(rows) if group is None else table.columns[group]
    for name in static:
        first: dict[object, object] = {}
        for value, which in zip(table.columns[name], series, strict=True):
            if not _missing(value) and first.setdefault(which, value) != value:
                where = "" if group is None else f" in series {class_name(which)}"
                raise DataError(
                    f"--source-set static=: {name!r} changes{where}, from "
                    f"{class_name(first[which])} to {class_name(value)}; leave it out: it is an "
                    "input anyway, or give it as known_ahead= if it is known ahead"
                )


def with_codes(
    table: Table, codes: Mapping[str, Sequence[str]], group: str | None
) -> tuple[Table, list[str]]:
    """Return a table in which each value of some columns is a column of 0 and 1, and warnings.

    Args:
        table: as `open_steps` gives it.
        codes: values by column.
        group: column that tells series apart, which stays.
    """
    columns, warnings = dict(table.columns), []
    for name, values in codes.items():
        if name not in columns:
            raise DataError(f"column {name!r} is missing; there are {', '.join(table.columns)}")
        column = columns[name] if name == group else columns.pop(name)
        texts = np.array(["" if _missing(value) else class_name(value) for value in column])
        columns |= {f"{name}={value}": (texts == value).astype("float64") for value in values}
        new = sorted({*texts.tolist()} - {*values, ""})
        if new:
            warnings.append(
                f"{name!r} is {few(new, 3)}, which the model was not trained on; such series are "
                "forecast as none of those that it knows"
            )
    return replace(table, columns=columns), warnings


def _missing(value: Any) -> bool:
    return value is None or value != value
