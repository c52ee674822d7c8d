"""Files of steps over time: one CSV, TSV or Parquet file of channels, and what fills its gaps."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError
from mlzoo.data.arrays import is_array_file, open_inputs
from mlzoo.data.decoders.wav import is_audio, read_wav
from mlzoo.data.sequences.axes.times import TIME_NAMES, TimeAxis, are_dates, parse_times, time_axis
from mlzoo.data.tables.columns import drop_flag, numbers
from mlzoo.data.tables.tables import Table, read_table

_DECIMAL, _THOUSANDS = re.compile(r"[+-]?\d+(,\d+)?"), re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
TIME_PARTS = {
    "year": (1, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
"""Columns that make up one time, from the year down, and the values that each may hold."""
_ALIASES = {
    "year": ("yr",),
    "month": ("mo", "mon", "mth", "mnth"),
    "day": ("dy",),
    "hour": ("hr",),
    "minute": ("min",),
    "second": ("sec",),
}
_CLOCKS = ("time", "hour", "hr")
_CLOCK = re.compile(r"\d{1,2}([:.]\d{2}([:.]\d{2}(\.\d+)?)?)?")
_FEWEST_TIMES = 10
"""Different times from which on rows follow one another."""


@dataclass(frozen=True)
class Steps:
    """The numbers of one file: (steps, channels) float64 in `values`, NaN where one is missing.

    `table` holds all columns as they were read, `times` the time stamps where there are some.
    """

    channels: tuple[str, ...]
    values: np.ndarray
    table: Table
    times: TimeAxis | None = None


def open_steps(
    path: Path,
    delimiter: str | None = None,
    header: str = "auto",
    expected: Collection[str] = (),
) -> Table:
    """A file's columns, of a sound its waveform; a `#` before the first name is left out.

    Numbers with a decimal comma are numbers, unless they could be thousands. The arguments are
    those of `read_table`.
    """
    if is_audio(path):
        return read_wav(path)
    if is_array_file(path):
        return _array_table(path)
    table = read_table(path, delimiter, header, expected)
    columns = {name.lstrip("#").strip() or name: values for name, values in table.columns.items()}
    if len(columns) < len(table.columns):
        raise DataError(f"{path} has two columns of one name: {', '.join(table.columns)}")
    return replace(table, columns={n: _with_points(values) for n, values in columns.items()})


def _array_table(path: Path) -> Table:
    """Return an array (steps,) or (steps, channels) as columns `channel 1`, `channel 2`, ...

    Raises:
        DataError: it is of another shape, or holds no numbers.
    """
    x = open_inputs(path)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or not x.size or x.dtype.kind not in "biuf":
        raise DataError(
            f"{path}: shape {x.shape} {x.dtype}; a file of its own for a sequence holds numbers "
            "(steps,) or (steps, channels)"
        )
    lines = np.arange(1, len(x) + 1)
    columns = {f"channel {k}": np.asarray(c, "float64") for k, c in enumerate(x.T, 1)}
    return Table(columns, lines, lines)


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

    Several columns that make up one time are given with commas between them: `year,month,day,hour`
    and the like, or dates and the clock time beside them where one date has several rows.

    Raises:
        DataError: there is no column of the name that was asked for.
    """
    if wanted is not None:
        lacking = [n for n in _parts(table, wanted) if n not in table.columns]
        if lacking:
            known = ", ".join(table.columns)
            raise DataError(
                f"no column {lacking[0]!r} to read times from (time=); there are {known}"
            )
        return ",".join(_parts(table, wanted))
    parts = _time_parts(table)
    if parts:
        return ",".join(parts)
    for name, values in table.columns.items():
        if are_dates(values):
            return ",".join([name, *_clock_beside(table, name)])
    return next((name for name in table.columns if name.lower() in TIME_NAMES), None)


def _parts(table: Table, time: str) -> list[str]:
    """The columns that a time is made up of; one where there is a column of that name."""
    return [time] if time in table.columns else [name.strip() for name in time.split(",")]


def _time_parts(table: Table) -> list[str]:
    """The columns year, month, ... down to the first that is not there; none below two of them."""
    by_name = {name.lower(): name for name in table.columns}
    part_columns = []
    for part, (low, high) in TIME_PARTS.items():
        known_as = (part, *_ALIASES[part])
        name = next((by_name[each] for each in known_as if each in by_name), None)
        values = None if name is None else as_numbers(table.columns[name])
        known = np.zeros(0) if values is None else values[~np.isnan(values)]
        if name is None or not len(known) or (known % 1).any():
            break
        if known.min() < low or known.max() > high:
            break
        part_columns.append(name)
    return part_columns if len(part_columns) > 1 else []


def _clock_beside(table: Table, dates: str) -> list[str]:
    """The column of clock times beside dates that repeat."""
    known = [value for value in table.columns[dates].tolist() if value is not None]
    if len(set(known)) == len(known) or any(":" in str(value) for value in known[:1]):
        return []
    for name, values in table.columns.items():
        texts = [text for text in _as_texts(values) if text is not None]
        if name.lower() in _CLOCKS and texts and all(map(_CLOCK.fullmatch, texts)):
            return [name]
    return []


def with_time(table: Table, time: str | None) -> Table:
    """A table in which the columns of a time, where there are several, are one of that name."""
    if time is None or time in table.columns or "," not in time:
        return table
    names = _parts(table, time)
    if any(name not in table.columns for name in names):
        return table  # what is missing is reported where columns are looked for
    columns = [_as_texts(table.columns[name]) for name in names]
    rows = zip(*columns, strict=True)
    parts = {*TIME_PARTS, *(alias for aliases in _ALIASES.values() for alias in aliases)}
    if len(names) == 2 and names[0].lower() not in parts:
        whole = [None if None in row else f"{row[0]} {_clock(row[1] or '')}" for row in rows]
    else:
        whole = [None if None in row else _stamp(row) for row in rows]
    rest = {name: values for name, values in table.columns.items() if name not in names}
    return replace(table, columns={time: np.array(whole, dtype=object), **rest})


def _stamp(parts: Sequence[str | None]) -> str:
    """Year, month, day, ... as an ISO 8601 text."""
    widths = [4, 2, 2, 2, 2, 2]
    filled = [str(part).zfill(width) for part, width in zip(parts, widths, strict=False)]
    clock = [*filled[3:], "00", "00"][:3] if len(filled) > 3 else []
    return "-".join(filled[:3]) + (" " + ":".join(clock) if clock else "")


def _clock(text: str) -> str:
    """A clock time such as 18.00.00 or 7 as 18:00:00 and 07:00."""
    hour, *rest = text.replace(".", ":", 2).split(":")
    return ":".join([hour.zfill(2), *(rest or ["00"])])


def as_numbers(values: np.ndarray) -> np.ndarray | None:
    """A column as float64 with NaN where it is missing; None where it holds text."""
    if values.dtype != object:
        return values.astype(float)
    parsed = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(float)
    text = np.isnan(parsed) & np.array([value is not None for value in values])
    return None if text.any() else parsed


def _as_texts(values: np.ndarray) -> list[str | None]:
    """A column as texts, whole numbers without a decimal point."""
    parsed = as_numbers(values)
    if parsed is None:
        return list(values)
    return [None if np.isnan(v) else f"{v:.0f}" if v % 1 == 0 else f"{v:g}" for v in parsed]


def time_of_rows(table: Table) -> str | None:
    """The column of time by which the rows of a table follow one another; None without one.

    Dates must go up or down all along, or be mostly different; numbers called time, year and the
    like must go up or down from each row to the next.
    """
    name = find_time(table)
    if name is None:
        return None
    stamps, _ = parse_times(with_time(table, name).columns[name])
    dates = stamps.dtype.kind == "M"
    known = stamps[~(np.isnat(stamps) if dates else np.isnan(stamps))]
    different = len(np.unique(known))
    if different < _FEWEST_TIMES or (len(known) < len(stamps) and not dates):
        return None
    steps = np.diff(known) / np.timedelta64(1, "s") if dates else np.diff(known)
    if not dates:
        return name if (steps > 0).all() or (steps < 0).all() else None
    ordered = (steps >= 0).all() or (steps <= 0).all()
    return name if ordered or different * 2 > len(known) else None


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
    table = with_time(table, time)
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
    channel_values = []
    wrong: dict[str, str] = {}
    for name in channels:
        try:
            column = numbers(table, name)
        except DataError as error:
            wrong[name] = str(error)
            continue
        if column is None:
            first = next(v for v in table.columns[name] if v is not None)
            wrong[name] = f"column {name!r} holds text such as {first!r}; channels must be numbers"
        else:
            channel_values.append(column)
    if wrong:
        lines = "\n  ".join(wrong.values())
        it = "it" if len(wrong) == 1 else "them all"
        raise DataError(f"{what}: {lines}; leave {it} out with {drop_flag(wrong)}")
    axis = None if time is None else time_axis(table, time, what)
    return Steps(tuple(channels), np.stack(channel_values, axis=1), table, axis)


def split_future(
    steps: Steps, ahead: Collection[str], static: Collection[str], what: str
) -> tuple[Steps, np.ndarray]:
    """Return the steps of the past, and the values (rows, channels) of those that follow.

    The last rows, of which nothing but channels that are known ahead has a value, are the future.

    Args:
        steps: all rows.
        ahead: names of the channels that are known ahead; without any all rows are the past.
        static: names of those that stay the same.
        what: how messages call the file.

    Raises:
        DataError: the future does not follow on the past.
    """
    other = [i for i, name in enumerate(steps.channels) if name not in (*ahead, *static)]
    known = np.flatnonzero(~np.isnan(steps.values[:, other]).all(axis=1))
    end = int(known[-1]) + 1 if len(known) and ahead else len(steps.values)
    times = steps.times
    if times is not None:
        broken = times.breaks[times.breaks >= end]
        if len(broken):
            raise DataError(
                f"{what}: time breaks off before {times.text(int(broken[0]))}, one of the rows "
                "without targets that say what is known ahead; let them follow on the others"
            )
        times = times.until(end)
    return replace(steps, values=steps.values[:end], times=times), steps.values[end:]


def fill(
    values: np.ndarray, how: str, channels: Sequence[str], trained: bool = False
) -> np.ndarray:
    """The steps of a sequence (steps, channels) as float32 without missing values.

    Args:
        values: NaN where a value is missing.
        how: `error` refuses missing values; `linear` draws a line between the neighbors (the
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
        how: `linear` draws a line between the neighbors and holds the last value at the end;
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
