"""Time stamps: their step, what is irregular about them, and how they go on."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError
from mlzoo.data.tables.tables import Table

TIME_NAMES = frozenset(
    ("time", "timestamp", "date", "datetime", "date_time", "ds", "month", "day", "year", "t")
)
_YEAR_MONTH = re.compile(r"(\d{1,3})-(\d{1,2})")
_NAMED_MONTH = re.compile(
    r"([^\W\d_]{3})[^\W\d_]*[-/ ]?'?(\d\d)|(\d\d)[-/ ]?([^\W\d_]{3})[^\W\d_]*"
)
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[AaPp][Mm])?")
_CLOCK_DAY = "1970-01-01"
"""Day of times without a date: one that does not depend on when they are read."""
_FOUR_DIGITS = re.compile(r"(?<!\d)\d{4}(?!\d)")
_LOOKED_AT, _FEW, _HEAD = 100, 5, 1000
_REGULAR = 0.02
"""Steps that differ by less than this share of the usual one are regular."""
_BREAK = 0.5
"""Steps that differ by more than this share of the usual one break a series."""


@dataclass(frozen=True)
class TimeAxis:
    """The times of a series, in order.

    Attributes:
        name: the column.
        stamps: (steps,) datetime64, or float64 where times are numbers.
        step: pandas' name of the usual step of dates (`D`, `MS`, `30min`), or its size; None
            where there is no usual one.
        breaks: positions of steps that do not follow on the one before; none without a usual step.
        warnings: what is irregular, a sentence each.
    """

    name: str
    stamps: np.ndarray
    step: str | float | None
    breaks: np.ndarray
    warnings: tuple[str, ...] = ()

    def after(self, count: int) -> list[str]:
        """The times of the steps that follow, as text; `+1`, `+2`, ... without a usual step."""
        following = self.following(count)
        try:
            if following is not None:
                return [self.written(stamp) for stamp in following]
        except NotImplementedError:  # beyond the year 9999
            pass
        return [f"+{number}" for number in range(1, count + 1)]

    def following(self, count: int) -> np.ndarray | None:
        """The times (count,) of the steps that follow; None without a usual step."""
        if self.step is None:
            return None
        last = self.stamps[-1]
        if not isinstance(self.step, str):
            return float(last) + self.step * np.arange(1, count + 1)
        try:
            dates = pd.date_range(pd.Timestamp(last), periods=count + 1, freq=self.step)
        except (NotImplementedError, OverflowError, ValueError):  # beyond the year 9999
            return None
        return dates[1:].to_numpy()

    def until(self, end: int) -> TimeAxis:
        """The times of the steps before a position."""
        return replace(self, stamps=self.stamps[:end], breaks=self.breaks[self.breaks < end])

    def text(self, position: int) -> str:
        """The time of a step as text."""
        return self.written(self.stamps[position])

    def written(self, stamp: Any) -> str:
        """Any time as text, as exactly as the steps need it."""
        if isinstance(stamp, float | np.floating):
            return f"{stamp:.15g}"
        time = pd.Timestamp(stamp)
        days = time == time.normalize() and self._days
        return str(time.date()) if days else time.isoformat(sep=" ")

    @cached_property
    def _days(self) -> bool:
        """Return whether all times are dates without an hour."""
        return bool((self.stamps == self.stamps.astype("datetime64[D]")).all())


def time_axis(table: Table, name: str, what: str) -> TimeAxis:
    """The times in a column.

    Raises:
        DataError: times that can't be read, are missing, or go back.
    """
    values = table.columns[name]
    stamps, doubt = parse_times(values)
    bad = np.flatnonzero(np.isnat(stamps) if stamps.dtype.kind == "M" else np.isnan(stamps))
    if len(bad):
        first = int(bad[0])
        value = values[first]
        missing = value is None or value != value
        raise DataError(
            f"{what}: the time in column {name!r}, {table.where(first)}, is "
            f"{'missing' if missing else f'{value!r}, which is no time'} ({len(bad)} such values); "
            "correct it, leave the row out, or name another column with --source-set time="
        )
    differences = np.diff(stamps)
    zero = np.timedelta64(0) if stamps.dtype.kind == "M" else 0.0
    back = np.flatnonzero(differences < zero)
    if len(back):
        first = int(back[0]) + 1
        raise DataError(
            f"{what}: time goes back in {table.where(first)}, from {values[first - 1]} to "
            f"{values[first]} ({len(back)} such places); sort the rows by {name!r}, or, where "
            "these are several series, name the column that tells them apart with --group-by"
            + (f"; {doubt}" if doubt else "")
        )
    twice = np.flatnonzero(differences == zero)
    if len(twice):
        first = int(twice[0]) + 1
        raise DataError(
            f"{what}: the time {values[first]} occurs twice, in {table.where(first - 1)} and "
            f"{table.where(first)} ({len(twice)} such places); leave one of them out, or, where "
            "these are several series, name the column that tells them apart with --group-by"
        )
    step, irregular, breaks = _regularity(stamps)
    step_warnings = _told(what, values, stamps, step, irregular, breaks)
    doubts = [f"{what}: {doubt}"] if doubt else []
    return TimeAxis(name, stamps, step, breaks, (*doubts, *step_warnings))


def check_calendar(times: TimeAxis | None, what: str) -> None:
    """Raise DataError unless the times are dates."""
    if times is None or times.stamps.dtype.kind != "M":
        received = "no column of times" if times is None else f"numbers as times in {times.name!r}"
        raise DataError(
            f"{what}: calendar features need dates, but there are {received}; leave --source-set "
            "calendar= out, or name a column of dates with --source-set time="
        )


def calendar(stamps: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """Sine and cosine of where each date stands in the day, week or year: (steps, 2 * features)."""
    dates = pd.DatetimeIndex(stamps)
    hour = dates.hour + dates.minute / 60 + dates.second / 3600
    shares = {
        "day": hour / 24,
        "week": (dates.day_of_week + hour / 24) / 7,
        "year": (dates.day_of_year - 1 + hour / 24) / 365.25,
    }
    angles = [2 * np.pi * np.asarray(shares[name], dtype=float) for name in features]
    return np.stack([f(angle) for angle in angles for f in (np.sin, np.cos)], axis=1)


def are_dates(values: np.ndarray) -> bool:
    """Return whether the first values are text that reads as a date, or dates such as 20240131."""
    if values.dtype != object:
        return _are_compact(values.astype(np.float64))
    known = [v for v in values[:_LOOKED_AT] if v is not None]
    text = np.array(known[:_FEW], dtype=object)
    if not len(text) or not all(any(map(str.isdigit, value)) for value in text):
        return False
    if any(map(_is_number, text)):
        return all(map(str.isdecimal, known)) and _are_compact(np.array(known, np.float64))
    stamps = parse_times(text)[0]
    return stamps.dtype.kind == "M" and not np.isnat(stamps).any()


def _are_compact(numbers: np.ndarray) -> bool:
    return _compact(numbers) is not None and len(np.unique(numbers)) >= _FEW


def _is_number(value: str) -> bool:
    try:
        float(value.replace(",", ".", 1))
    except ValueError:
        return False
    return True


def parse_times(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Numbers as float64, all else as datetime64; NaN or NaT where a value can't be read.

    Numbers such as 20240131, year, month and day, are dates, and so are 202401, year and month.

    Dates that do not begin with the year are read month first or day first, whichever can be read
    and goes up in the more regular steps; the text says which where both can be, and what else is
    doubtful. Dates such as 3-12 are the twelfth month of year 3; Jan-05 is a month of 2005 and
    05-Jan a day, unless the other reading goes up in more regular steps.
    """
    if values.dtype != object:
        return _numbers_or_dates(values.astype(np.float64)), ""
    text = pd.Series(values, dtype=object)
    parsed = pd.to_numeric(text, errors="coerce").to_numpy(float)
    if not np.isnan(parsed).all():
        return _numbers_or_dates(parsed), ""
    first = next((value for value in values if value is not None), None)
    if first is None:
        return dates_of(text, format="ISO8601"), ""
    if all(value is None or _YEAR_MONTH.fullmatch(value) for value in values):
        whole = text.str.replace(_YEAR_MONTH, _in_full, regex=True)
        year, month = first.split("-")
        return dates_of(whole, format="ISO8601"), (
            f"times such as {first!r} are read as a year and a month, here month {int(month)} of "
            f"year {int(year)}; write the year with four digits where that is wrong"
        )
    if all(value is None or _CLOCK.fullmatch(value) for value in values):
        return dates_of(_CLOCK_DAY + " " + text, format="mixed"), (
            f"times such as {first!r} have no date; all are taken as times of one day: add a column"
            " of dates where that is wrong"
        )
    dates = dates_of(text, format="ISO8601")
    if not np.isnat(dates).all():
        return dates, ""
    if all(value is None or _NAMED_MONTH.fullmatch(value) for value in values):
        whole = text.str.replace(_NAMED_MONTH, r"1 \1\4 \2\3", regex=True)
        months = dates_of(whole, format="%d %b %y")
        as_months = _disorder(months.astype("datetime64[M]"))
        as_days = _disorder(dates_of(text))
        if as_months < as_days or (as_months == as_days and not first[0].isdigit()):
            return months, _short_year(first, months)
    month, day = (_in_their_century(text, dates_of(text, dayfirst=f)) for f in (False, True))
    if np.array_equal(month, day, equal_nan=True):
        return month, _short_year(first, month)
    if _disorder(day) < _disorder(month):
        month, day, order = day, month, "day"
    else:
        order = "month"
    doubtful = not np.isnat(day).any()
    return month, (
        f"times such as {values[0]!r} are read {order} first; write the year first where that is "
        "wrong"
        if doubtful
        else _short_year(first, month)
    )


def _numbers_or_dates(values: np.ndarray) -> np.ndarray:
    dates = _compact(values)
    if dates is None:
        dates = _compact_months(values)
    return values if dates is None else dates


def _compact_months(values: np.ndarray) -> np.ndarray | None:
    """Return numbers such as 202401 as datetime64; None where one is no month.

    Without it each January would come 89 steps after its December.
    """
    known = values[~np.isnan(values)]
    if not len(known) or (known % 1).any() or known.min() < 180001 or known.max() > 219912:
        return None
    months = known % 100
    if months.min() < 1 or months.max() > 12:
        return None
    return _compact(100 * values + 1)


def _compact(values: np.ndarray) -> np.ndarray | None:
    """Return numbers such as 20240131 as datetime64, NaT where missing.

    None where one is no date of the years 1800 to 2199.
    """
    if (values[:_HEAD] % 1 > 0).any():
        return None  # which takes less time to see in a long column
    known = values[~np.isnan(values)]
    if not len(known) or (known % 1).any() or known.min() < 18000101 or known.max() > 21991231:
        return None
    text = pd.Series(
        [None if np.isnan(value) else f"{value:.0f}" for value in values], dtype=object
    )
    dates = pd.to_datetime(text, format="%Y%m%d", errors="coerce").to_numpy()
    return dates if np.isnat(dates).sum() == len(values) - len(known) else None


def _in_their_century(text: pd.Series, dates: np.ndarray) -> np.ndarray:
    """Return dates, NaT where a year from 1 to 99 of four digits was taken for one of our time."""
    years = pd.DatetimeIndex(dates).year.to_numpy()
    wrong = [
        isinstance(value, str)
        and any(digits.startswith("00") for digits in _FOUR_DIGITS.findall(value))
        and f"{year:04.0f}" not in value
        for value, year in zip(text, years, strict=True)
    ]
    return np.where(wrong, np.datetime64("NaT"), dates)


def _in_full(match: re.Match[str]) -> str:
    return f"{int(match[1]):04d}-{int(match[2]):02d}"


def _short_year(value: str, stamps: np.ndarray) -> str:
    """A doubt where a date has a year of two digits, whose century is a guess."""
    known = stamps[~np.isnat(stamps)]
    year = f"{pd.Timestamp(known[0]).year:04d}" if len(known) else ""
    if year in value:
        return ""
    return (
        f"times such as {value!r} have no year of four digits; it is read as {year}: write the "
        "year in full where that is wrong"
    )


def dates_of(text: pd.Series, **options: Any) -> np.ndarray:
    """Text as datetime64, in UTC where it says a time zone; NaT where it is no date.

    The unit is that which the text needs, since nanoseconds reach from 1677 to 2262 only.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that the format is guessed
        dates = pd.to_datetime(text, errors="coerce", utc=True, **options)
    dates = dates.dt.tz_localize(None)
    return dates.where(dates.dt.year.between(1, 9999)).to_numpy()


def _disorder(stamps: np.ndarray) -> tuple[int, int, int]:
    """Counts of times that can't be read, of those that do not go up, and the steps' spread.

    Steps are counted in days, those of months in months.
    """
    known = stamps[~np.isnat(stamps)]
    unit = "M" if stamps.dtype == np.dtype("datetime64[M]") else "D"
    differences = np.diff(known).astype(f"timedelta64[{unit}]").astype(int)
    return (
        len(stamps) - len(known),
        int((differences <= 0).sum()),
        int(np.ptp(differences)) if len(differences) else 0,
    )


def _regularity(
    stamps: np.ndarray,
) -> tuple[str | float | None, np.ndarray, np.ndarray]:
    """The usual step, and the positions of steps that differ from it, and that break the series."""
    nothing = np.arange(0)
    if len(stamps) < 3:
        return None, nothing, nothing
    step: str | float | None
    if stamps.dtype.kind == "M":
        step = _usual_step(stamps)
        if step is None:
            return None, nothing, nothing
        offset = pd.tseries.frequencies.to_offset(step)
        expected = (pd.DatetimeIndex(stamps[:-1]) + offset).to_numpy().astype(stamps.dtype)
        due = np.maximum((expected - stamps[:-1]).astype(float), 1.0)
        off = np.abs((stamps[1:] - expected).astype(float)) / due
    else:
        differences = np.diff(stamps)
        step = float(np.median(differences))
        off = np.abs(differences - step) / step
        if (off > _BREAK).mean() > 0.5:
            return None, nothing, nothing
    return step, np.flatnonzero(off > _REGULAR) + 1, np.flatnonzero(off > _BREAK) + 1


def _usual_step(stamps: np.ndarray) -> str | None:
    """Pandas' name of the step that most dates have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of text in place of an offset
        frequency = pd.infer_freq(pd.DatetimeIndex(stamps))
    if frequency is not None:
        return str(getattr(frequency, "freqstr", frequency))
    differences, counts = np.unique(np.diff(stamps), return_counts=True)
    shares = {_offset_name(differences[counts.argmax()]): counts.max() / (len(stamps) - 1)}
    for name in ("B", "MS", "ME", "QS", "YS"):
        dates = pd.DatetimeIndex(stamps[:-1]) + pd.tseries.frequencies.to_offset(name)
        share = (dates.to_numpy().astype(stamps.dtype) == stamps[1:]).mean()
        shares.setdefault(name, float(share))
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.5 else None


def _offset_name(difference: np.timedelta64) -> str:
    usual = pd.Timedelta(difference)
    days, rest = divmod(usual, pd.Timedelta("1D"))
    if days and not rest:
        return "D" if days == 1 else f"{days}D"
    return str(pd.tseries.frequencies.to_offset(usual).freqstr)


def _told(
    what: str,
    values: np.ndarray,
    stamps: np.ndarray,
    step: str | float | None,
    irregular: np.ndarray,
    breaks: np.ndarray,
) -> list[str]:
    if step is None and len(stamps) >= 3:
        apart = np.diff(stamps)
        least, most = (
            f"{t:g}" if stamps.dtype.kind == "f" else str(pd.Timedelta(t))
            for t in (apart.min(), apart.max())
        )
        return [
            f"{what}: the time stamps have no usual step, they are {least} to {most} apart; they "
            "are taken as one step each"
        ]
    if not len(irregular):
        return []
    places = breaks if len(breaks) else irregular
    shown = ", ".join(f"{values[i - 1]} to {values[i]}" for i in places[:3].tolist())
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    jitter = len(irregular) - len(breaks)
    breaks_text = f"{len(breaks)} breaks in time" if len(breaks) != 1 else "1 break in time"
    small = f"{jitter} steps a little longer or shorter" if jitter != 1 else "1 step a little off"
    kinds = [text for count, text in ((len(breaks), breaks_text), (jitter, small)) if count]
    return [f"{what}: {' and '.join(kinds)} (the usual step is {step_text(step)}): {shown}{more}"]


def same_step(first: str | float | None, second: str | float | None) -> bool:
    """Return whether two usual steps are one, but for what their numbers are rounded by."""
    if isinstance(first, float | int) and isinstance(second, float | int):
        return abs(first - second) <= _REGULAR * max(abs(first), abs(second))
    return first == second


def step_text(step: str | float | None) -> str:
    """A usual step for messages."""
    return f"{step:g}" if isinstance(step, float) else str(step)
