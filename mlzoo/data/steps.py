"""Files of steps over time: one CSV, TSV or Parquet file of channels, and what fills its gaps."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mlzoo.data.columns import numbers
from mlzoo.data.tables import Table, read_table
from mlzoo.data.times import TIME_NAMES, TimeAxis, dates_of, time_axis
from mlzoo.errors import DataError

_FEW = 5
_DECIMAL, _THOUSANDS = re.compile(r"[+-]?\d+(,\d+)?"), re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_LOOKED_AT = 100


@dataclass(frozen=True)
class Steps:
    """The numbers of one file: (steps, channels) float64 in `values`, NaN where one is missing.

    `table` holds all columns as they were read, `times` the time stamps where there are some.
    """

    channels: tuple[str, ...]
    values: np.ndarray
    table: Table
    times: TimeAxis | None = None


def open_steps(path: Path, delimiter: str | None = None, header: str = "auto") -> Table:
    """A file's columns; a `#` before the first one's name is left out.

    Numbers with a decimal comma are numbers, unless they could be thousands.
    """
    table = read_table(path, delimiter, header)
    columns = {name.lstrip("#").strip() or name: values for name, values in table.columns.items()}
    if len(columns) < len(table.columns):
        raise DataError(f"{path} has two columns of one name: {', '.join(table.columns)}")
    return replace(table, columns={n: _with_points(values) for n, values in columns.items()})


def _with_points(values: np.ndarray) -> np.ndarray:
    """Text such as 0,5 as numbers, where all of a column is."""
    known = [v for v in values if v is not None] if values.dtype == object else []
    commas = [v for v in known if "," in v]
    if not commas or not all(map(_DECIMAL.fullmatch, known)):
        return values
    if all(map(_THOUSANDS.fullmatch, commas)):
        return values
    return np.array([np.nan if v is None else float(v.replace(",", ".")) for v in values])


def find_time(table: Table, wanted: str | None = None) -> str | None:
    """The column of time stamps: the one asked for, the first of dates, or one called time.

    Raises:
        DataError: there is no column of the name that was asked for.
    """
    if wanted is not None:
        if wanted not in table.columns:
            known = ", ".join(table.columns)
            raise DataError(f"no column {wanted!r} to read times from (time=); there are {known}")
        return wanted
    for name, values in table.columns.items():
        if _are_dates(values):
            return name
    return next((name for name in table.columns if name.lower() in TIME_NAMES), None)


def _are_dates(values: np.ndarray) -> bool:
    """Whether the first values are text that holds digits, is no number, and reads as a date."""
    known = [v for v in values[:_LOOKED_AT] if v is not None] if values.dtype == object else []
    text = pd.Series(known[:_FEW], dtype=object)
    if not len(text) or not all(any(map(str.isdigit, value)) for value in text):
        return False
    numbers_ = pd.to_numeric(text, errors="coerce")
    return bool(numbers_.isna().all() and not np.isnat(dates_of(text)).any())


def read_steps(
    table: Table,
    what: str,
    time: str | None,
    channels: Sequence[str] | None = None,
    left_out: Collection[str] = (),
) -> Steps:
    """The numeric channels of a table, and its time axis.

    Args:
        table: as `open_steps` gives it.
        what: how messages call the file.
        time: the column of time stamps, if there is one; it is no channel.
        channels: those to read; all others by default.
        left_out: columns that are no channels.

    Raises:
        DataError: a channel is missing or holds text; time stamps that can't be read.
    """
    if channels is None:
        channels = [name for name in table.columns if name != time and name not in left_out]
    wanted = [*channels] if time is None else [time, *channels]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise DataError(
            f"{what}: it lacks the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, table.columns))}"
        )
    if not channels:
        raise DataError(f"{what}: no column of numbers is left; it has {', '.join(table.columns)}")
    found = []
    for name in channels:
        column = numbers(table, name)
        if column is None:
            first = next(v for v in table.columns[name] if v is not None)
            raise DataError(
                f"{what}: column {name!r} holds text such as {first!r}; channels must be numbers "
                f"(leave it out with --drop {name!r})"
            )
        found.append(column)
    axis = None if time is None else time_axis(table, time, what)
    return Steps(tuple(channels), np.stack(found, axis=1), table, axis)


def fill(
    values: np.ndarray, how: str, channels: Sequence[str], trained: bool = False
) -> np.ndarray:
    """The steps of a sequence (steps, channels) as float32 without missing values.

    Args:
        values: NaN where a value is missing.
        how: `error` refuses missing values; `linear` draws a line between the neighbours (the
            ends are held); `previous` repeats the last value known (the first one before it).
        channels: names, for messages.
        trained: whether they are read for a model that is trained already, for messages.

    Raises:
        DataError: a value is missing and `how` is `error`, or a channel has none at all.
    """
    refuse_missing(values, how, channels, trained)
    frame = pd.DataFrame(values)
    filled = frame.interpolate(limit_direction="both") if how == "linear" else frame.ffill().bfill()
    return filled.to_numpy(dtype=np.float32)


def fill_stretches(values: np.ndarray, how: str, breaks: np.ndarray) -> np.ndarray:
    """The steps of a series as float32, filled within each stretch without a break in time.

    What no earlier value of its stretch fills stays NaN.

    Args:
        values: (steps, channels), NaN where a value is missing.
        how: `linear` draws a line between the neighbours and holds the last value at the end;
            `previous` repeats the last value known.
        breaks: positions of steps that do not follow on the one before.
    """
    filled = []
    for stretch in np.split(values, breaks):
        frame = pd.DataFrame(stretch)
        if how == "linear":
            frame = frame.interpolate(limit_area="inside")
        filled.append(frame.ffill().to_numpy(dtype=np.float32))
    return np.concatenate(filled)


def refuse_missing(
    values: np.ndarray, how: str, channels: Sequence[str], trained: bool = False
) -> None:
    """Raise DataError where `how` is `error` and a value is missing, or a channel has none."""
    missing = np.isnan(values)
    if not missing.any():
        return
    empty = [channels[i] for i in np.flatnonzero(missing.all(axis=0)).tolist()]
    if empty:
        advice = "the model needs it" if trained else "leave it out with --drop"
        raise DataError(f"channel {', '.join(map(repr, empty))} has no value at all; {advice}")
    if how == "error":
        counts = ", ".join(
            f"{name!r} {count}"
            for name, count in zip(channels, missing.sum(axis=0), strict=True)
            if count
        )
        step = int(missing.any(axis=1).argmax()) + 1
        raise DataError(
            f"missing values: {counts}, first in step {step}; "
            + ("give them, or train again" if trained else "fill them")
            + " with --source-set missing=linear or missing=previous"
        )
