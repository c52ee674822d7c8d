"""Time stamps: their step, what is irregular about them, and how they go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlzoo.data.tables import Table
from mlzoo.errors import DataError

TIME_NAMES = frozenset(
    ("time", "timestamp", "date", "datetime", "date_time", "ds", "month", "day", "year", "t")
)
_REGULAR = 0.02
"""Steps of numeric times that differ by less than this share of the usual one are regular."""


@dataclass(frozen=True)
class TimeAxis:
    """The times of a series, in order.

    Attributes:
        name: the column.
        stamps: (steps,) datetime64, or float64 where times are numbers.
        step: pandas' name of the usual step of dates (`D`, `MS`, `30min`), or its size; None
            where there is no usual one.
        breaks: positions of steps that do not follow on the one before.
        warnings: what is irregular, a sentence each.
    """

    name: str
    stamps: np.ndarray
    step: str | float | None
    breaks: np.ndarray
    warnings: tuple[str, ...] = ()

    def after(self, count: int) -> list[str]:
        """The times of the steps that follow, as text; `+1`, `+2`, ... without a usual step."""
        if self.step is None:
            return [f"+{number}" for number in range(1, count + 1)]
        last = self.stamps[-1]
        if isinstance(self.step, str):
            following = pd.date_range(pd.Timestamp(last), periods=count + 1, freq=self.step)[1:]
            return [self.written(stamp) for stamp in following.to_numpy()]
        return [self.written(float(last) + self.step * i) for i in range(1, count + 1)]

    def text(self, position: int) -> str:
        """The time of a step as text."""
        return self.written(self.stamps[position])

    def written(self, stamp: Any) -> str:
        """Any time as text, as exactly as the steps need it."""
        if isinstance(stamp, float | np.floating):
            return f"{stamp:g}"
        time = pd.Timestamp(stamp)
        return str(time.date()) if time == time.normalize() else time.isoformat(sep=" ")


def time_axis(table: Table, name: str, what: str) -> TimeAxis:
    """The times in a column.

    Raises:
        DataError: times that can't be read, are missing, or go back.
    """
    values = table.columns[name]
    stamps = _parse(values)
    bad = np.flatnonzero(np.isnat(stamps) if stamps.dtype.kind == "M" else np.isnan(stamps))
    if len(bad):
        first = int(bad[0])
        raise DataError(
            f"{what}: the time in column {name!r}, {table.where(first)}, is {values[first]!r}, "
            f"which can't be read ({len(bad)} such values)"
        )
    differences = np.diff(stamps)
    zero = np.timedelta64(0) if stamps.dtype.kind == "M" else 0.0
    back = np.flatnonzero(differences < zero)
    if len(back):
        first = int(back[0]) + 1
        raise DataError(
            f"{what}: time goes back in {table.where(first)}, from {values[first - 1]} to "
            f"{values[first]} ({len(back)} such places); sort the rows by {name!r}"
        )
    twice = np.flatnonzero(differences == zero)
    if len(twice):
        first = int(twice[0]) + 1
        raise DataError(
            f"{what}: the time {values[first]} occurs twice, in {table.where(first - 1)} and "
            f"{table.where(first)} ({len(twice)} such places); where these are several series, "
            "name the column that tells them apart with --group-by"
        )
    step, breaks = _regularity(stamps)
    return TimeAxis(name, stamps, step, breaks, tuple(_told(what, values, stamps, step, breaks)))


def check_calendar(times: TimeAxis | None, what: str) -> None:
    """Raise DataError unless the times are dates."""
    if times is None or times.stamps.dtype.kind != "M":
        raise DataError(f"{what}: calendar features need a column of dates")


def calendar(stamps: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """Sine and cosine of where each date stands in the day, week or year: (steps, 2 * features)."""
    dates = pd.DatetimeIndex(stamps)
    hour = dates.hour + dates.minute / 60 + dates.second / 3600
    shares = {
        "day": hour / 24,
        "week": (dates.dayofweek + hour / 24) / 7,
        "year": (dates.dayofyear - 1 + hour / 24) / 365.25,
    }
    angles = [2 * np.pi * np.asarray(shares[name], dtype=float) for name in features]
    return np.stack([f(angle) for angle in angles for f in (np.sin, np.cos)], axis=1)


def _parse(values: np.ndarray) -> np.ndarray:
    """Numbers as float64, all else as datetime64; NaN or NaT where a value can't be read."""
    if values.dtype != object:
        return values.astype(np.float64)
    parsed = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(float)
    if not np.isnan(parsed).all():
        return parsed
    dates = pd.to_datetime(pd.Series(values), errors="coerce")
    if getattr(dates.dt, "tz", None) is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    return dates.to_numpy(dtype="datetime64[ns]")


def _regularity(stamps: np.ndarray) -> tuple[str | float | None, np.ndarray]:
    """The usual step, and the positions of steps that break it."""
    nothing = np.arange(0)
    if len(stamps) < 3:
        return None, nothing
    if stamps.dtype.kind != "M":
        differences = np.diff(stamps)
        usual = float(np.median(differences))
        irregular = np.abs(differences - usual) > _REGULAR * usual
        return (None if irregular.mean() > 0.5 else usual), np.flatnonzero(irregular) + 1
    step = _usual_step(stamps)
    if step is None:
        return None, nothing
    expected = (pd.DatetimeIndex(stamps[:-1]) + pd.tseries.frequencies.to_offset(step)).to_numpy()
    return step, np.flatnonzero(stamps[1:] != expected.astype(stamps.dtype)) + 1


def _usual_step(stamps: np.ndarray) -> str | None:
    """Pandas' name of the step that most dates have."""
    found = pd.infer_freq(pd.DatetimeIndex(stamps))
    if found is not None:
        return str(found)
    for name in ("MS", "ME", "QS", "YS"):
        dates = pd.DatetimeIndex(stamps[:-1]) + pd.tseries.frequencies.to_offset(name)
        if (dates.to_numpy().astype(stamps.dtype) == stamps[1:]).mean() > 0.5:
            return name
    differences, counts = np.unique(np.diff(stamps), return_counts=True)
    if counts.max() <= len(stamps) / 2:
        return None
    usual = pd.Timedelta(differences[counts.argmax()])
    days, rest = divmod(usual, pd.Timedelta("1D"))
    if days and not rest:
        return "D" if days == 1 else f"{days}D"
    return str(pd.tseries.frequencies.to_offset(usual).freqstr)


def _told(
    what: str, values: np.ndarray, stamps: np.ndarray, step: str | float | None, breaks: np.ndarray
) -> list[str]:
    if step is None and len(stamps) >= 3:
        return [f"{what}: the time stamps have no usual step; they are taken as one step each"]
    if not len(breaks):
        return []
    shown = ", ".join(f"{values[i - 1]} to {values[i]}" for i in breaks[:3].tolist())
    more = f" and {len(breaks) - 3} more" if len(breaks) > 3 else ""
    return [
        f"{what}: {len(breaks)} steps are not the usual one ({step}): {shown}{more}; no window "
        "reaches across such a place"
    ]
