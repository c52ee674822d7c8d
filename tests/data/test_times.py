"""Columns of time, and what fills the gaps of channels."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data.sequences.axes.times import TimeAxis, calendar, time_axis
from mlzoo.data.sequences.steps import fill, find_time, open_steps, read_steps
from mlzoo.data.tables.tables import Table


def table(**columns: list[object]) -> Table:
    arrays = {
        name: np.array(values, dtype=object if isinstance(values[0], str) else float)
        for name, values in columns.items()
    }
    rows = np.arange(len(next(iter(arrays.values())))) + 1
    return Table(arrays, rows + 1, rows)


def axis(stamps: list[object]) -> TimeAxis:
    return time_axis(table(when=stamps), "when", "a.csv")


def days(count: int, first: str = "2020-01-01", every: int = 1) -> list[str]:
    start = datetime.date.fromisoformat(first)
    return [str(start + datetime.timedelta(days=every * i)) for i in range(count)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": [1.0], "Time": [3.0]}, "Time"),
        ({"a": ["x"], "b": ["2020-01-01"]}, "b"),
        ({"day": [1.0], "b": ["2020-01-01 10:00"]}, "b"),
        ({"b": ["03.02.2020"], "v": [1.0]}, "b"),
        ({"month": ["may"], "v": [1.0]}, "month"),
        ({"name": ["may", "now", "today"], "v": [1.0, 2, 3]}, None),
        ({"code": ["17", "18"], "v": [1.0, 2]}, None),
        ({"a": [1.0], "b": [2.0]}, None),
        ({"a": [1.0] * 6, "b": [20240128.0 + i for i in range(4)] + [20240201.0] * 2}, "b"),
        ({"a": [1.0] * 6, "b": [20240128.0 + i for i in range(6)]}, None),  # no day 32
        ({"YEAR": [2010.0], "MO": [2.0], "DY": [3.0], "HR": [4.0]}, "YEAR,MO,DY,HR"),
        ({"yr": [2010.0], "mnth": [2.0]}, "yr,mnth"),
    ],
)
def test_the_column_of_times_is_recognised(
    columns: dict[str, list[object]], expected: str | None
) -> None:
    assert find_time(table(**columns)) == expected


def test_the_column_of_times_can_be_named() -> None:
    both = table(date=["2020-01-01"], start=[1.0])
    assert find_time(both, "start") == "start"
    with pytest.raises(DataError, match=r"no column 'stat' .*time=.*there are date, start"):
        find_time(both, "stat")


@pytest.mark.parametrize(
    ("stamps", "step", "following"),
    [
        (days(5), "D", ["2020-01-06", "2020-01-07"]),
        (days(5, every=7), "W-WED", ["2020-02-05", "2020-02-12"]),
        (["1749-01", "1749-02", "1749-03"], "MS", ["1749-04-01", "1749-05-01"]),
        (["2020-01-31", "2020-02-29", "2020-03-31"], "ME", ["2020-04-30", "2020-05-31"]),
        (
            ["2020-01-01 23:00", "2020-01-02 00:00", "2020-01-02 01:00"],
            "h",
            ["2020-01-02 02:00:00", "2020-01-02 03:00:00"],
        ),
        (
            ["2020-01-01 22:00", "2020-01-01 22:30", "2020-01-01 23:00", "2020-01-01 23:30"],
            "30min",
            ["2020-01-02 00:00:00", "2020-01-02 00:30:00"],
        ),
        ([0.0, 0.1, 0.2], 0.1, ["0.3", "0.4"]),
        ([1.7e9, 1.7e9 + 1, 1.7e9 + 2], 1.0, ["1700000003", "1700000004"]),
        ([0.0, 1.0, 5.0, 70.0, 71.0, 500.0], None, ["+1", "+2"]),
    ],
)
def test_steps_and_how_times_go_on(
    stamps: list[object], step: object, following: list[str]
) -> None:
    found = axis(stamps)
    assert found.step == (pytest.approx(step) if isinstance(step, float) else step)
    assert found.after(2) == following
    assert not len(found.breaks)


def test_a_missing_day_is_a_break() -> None:
    stamps = days(40)
    del stamps[30], stamps[10:12]
    found = axis(stamps)
    assert found.step == "D"
    assert found.breaks.tolist() == [10, 28]
    assert found.warnings == (
        "a.csv: 2 breaks in time (the usual step is D): 2020-01-10 to 2020-01-13, 2020-01-30 to "
        "2020-02-01",
    )


def test_weekends_and_a_holiday_of_business_days() -> None:
    stamps = [d for d in days(60) if datetime.date.fromisoformat(d).weekday() < 5]
    assert axis(stamps).step == "B"
    del stamps[20]
    found = axis(stamps)
    assert (found.step, found.breaks.tolist()) == ("B", [20])


def test_weeks_with_a_gap() -> None:
    stamps = days(20, every=7)
    del stamps[9]
    found = axis(stamps)
    assert (found.step, found.breaks.tolist()) == ("7D", [9])
    assert found.after(1) == ["2020-05-20"]


def test_months_with_a_gap() -> None:
    stamps = [f"{year}-{month:02}" for year in (2019, 2020) for month in range(1, 13)]
    del stamps[5]
    found = axis(stamps)
    assert (found.step, found.breaks.tolist()) == ("MS", [5])


def test_jitter_is_reported_but_breaks_nothing() -> None:
    stamps = [i + 0.1 * (i % 5 == 2) for i in range(20)]
    stamps[15:] = [t + 30 for t in stamps[15:]]
    found = axis(stamps)
    assert found.breaks.tolist() == [15]
    assert "1 break in time and 8 steps a little longer or shorter" in found.warnings[0]
    assert "(the usual step is 1): 14 to 45" in found.warnings[0].replace(".0", "")


def test_times_without_a_usual_step_are_taken_as_steps() -> None:
    found = axis([0.0, 1.0, 5.0, 70.0, 71.0, 500.0])
    assert (found.step, found.breaks.tolist()) == (None, [])
    assert "no usual step, they are 1 to 429 apart; they are taken as one step" in found.warnings[0]
    found = axis(["2020-01-01", "2020-01-03", "2020-02-07", "2020-03-09", "2020-12-30"])
    assert (found.step, found.breaks.tolist()) == (None, [])
    assert "2 days 00:00:00 to 296 days" in found.warnings[0]


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (
            ["2020-01-01", "2020-01-03", "2020-01-02"],
            r"time goes back in row 3 \(line 4\), from 2020-01-03 to 2020-01-02 \(1 such places\); "
            "sort the rows by 'when'",
        ),
        ([1.0, 2.0, 2.0, 3.0], r"time 2.0 occurs twice, in row 2 \(line 3\) and row 3 \(line 4\)"),
        (["2020-01-01", "soon", "2020-01-02"], r"row 2 \(line 3\), is 'soon', which is no time"),
        ([1.0, float("nan"), 2.0], r"row 2 \(line 3\), is missing \(1 such values\); correct it"),
        (["2020-01-01", "2020-02-30"], r"row 2 \(line 3\), is '2020-02-30'"),
        (["5 January 0001", "6 January 0001"], r"is '5 January 0001', which is no time"),
    ],
)
def test_times_that_cannot_be_used(stamps: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        axis(stamps)


def test_twice_or_back_points_to_the_column_of_series() -> None:
    for stamps in ([1.0, 1.0], [2.0, 1.0]):
        with pytest.raises(DataError, match="where these are several series, .*--group-by"):
            axis(stamps)


def test_hours_may_leave_midnight_out() -> None:
    found = axis(["2020-01-01 23:00", "2020-01-02", "2020-01-02 01:00"])
    assert found.step == "h"
    assert found.text(1) == "2020-01-02 00:00:00"


def test_numbers_that_are_dates() -> None:
    found = axis([20050130.0, 20050131.0, 20050201.0, 20050202.0])
    assert (found.step, found.warnings) == ("D", ())
    assert found.after(1) == ["2005-02-03"]


def test_time_zones_become_utc() -> None:
    found = axis(["2020-03-29T01:00+01:00", "2020-03-29T03:00+02:00", "2020-03-29T04:00+02:00"])
    assert found.stamps[0] == np.datetime64("2020-03-29T00:00")
    assert found.step == "h"


def test_day_or_month_first_as_it_fits() -> None:
    german = [f"{day:02}.01.2020" for day in range(1, 32)]
    found = axis(german)
    assert (found.step, found.text(30), found.warnings) == ("D", "2020-01-31", ())
    american = [f"01/{day:02}/2020" for day in range(1, 32)]
    assert (axis(american).step, axis(american).warnings) == ("D", ())
    months = [f"01/{month:02}/2020" for month in range(1, 13)]
    found = axis(months)  # 12 days of January, or 12 first days of months
    assert found.text(11) == "2020-01-12"
    assert "'01/01/2020' are read month first; write the year first" in found.warnings[0]
    years = [f"01/{month:02}/{year}" for year in (2020, 2021) for month in range(1, 13)]
    assert axis(years).step == "MS"
    assert "read day first" in axis(years).warnings[0]


@pytest.mark.parametrize("first", [1, 1099, 1499, 1582, 1658, 1700, 2261, 2399, 9996])
@pytest.mark.parametrize("written", ["{y:04}-{m:02}", "{y:04}-{m:02}-01 00:00", "1.{m}.{y:04}"])
def test_dates_of_all_years_are_right(first: int, written: str) -> None:
    months = [(year, month) for year in range(first, first + 4) for month in range(1, 13)]
    found = axis([written.format(y=y, m=m) for y, m in months])
    assert found.step == "MS" and not len(found.breaks)
    assert [found.text(i) for i in (0, 47)] == [f"{first:04}-01-01", f"{first + 3:04}-12-01"]
    following = [f"{first + 4:04}-01-01"] if first < 9996 else ["+1"]
    assert found.after(1) == following


def test_dates_over_all_years_keep_their_step() -> None:
    found = axis([f"{year:04}-07-04" for year in range(1, 10_000)])
    assert found.text(1100) == "1101-07-04"
    stamps = axis([f"{year}-01-01" for year in range(2000, 2400)])
    assert (stamps.step, stamps.text(399)) == ("YS-JAN", "2399-01-01")
    for year in ("0000", "10000"):
        with pytest.raises(DataError, match="which is no time"):
            axis([f"{year}-01-01", f"{year}-01-02", "2020-01-01"])


def test_years_and_months_without_a_century() -> None:
    found = axis([f"{year}-{month:02}" for year in (1, 2, 3) for month in range(1, 13)])
    assert (found.step, found.text(35), found.after(1)) == ("MS", "0003-12-01", ["0004-01-01"])
    assert "'1-01' are read as a year and a month, here month 1 of year 1" in found.warnings[0]
    with pytest.raises(DataError, match="'1-13', which is no time"):
        axis([f"1-{day:02}" for day in range(1, 15)])
    found = axis(["Nov-60", "Dec-60", "Jan-61"])
    assert "'Nov-60' have no year of four digits; it is read as 2060" in found.warnings[0]


@pytest.mark.parametrize("written", ["%b-%y", "%b %y", "%b'%y", "%B %y", "%y-%b"])
def test_names_of_months_stand_beside_years(written: str) -> None:
    months = pd.date_range("2003-11-01", periods=30, freq="MS")
    times = axis([month.strftime(written) for month in months])
    assert (times.step, times.text(29), times.after(1)) == ("MS", "2006-04-01", ["2006-05-01"])
    assert "no year of four digits; it is read as 2003" in times.warnings[0]


def test_names_of_months_stand_beside_days() -> None:
    days = pd.date_range("2021-01-20", periods=60, freq="D")
    times = axis([day.strftime("%d-%b") for day in days])
    assert (times.step, len(times.breaks)) == ("D", 0)
    assert times.text(0).endswith("-01-20") and times.text(59).endswith("-03-20")
    short = axis(["05-Jan", "06-Jan", "07-Jan", "08-Jan"])
    assert (short.step, short.text(3)[5:]) == ("D", "01-08")
    yearly = axis([f"Jan-{year:02}" for year in range(5, 11)])
    assert (yearly.step, yearly.text(5)) == ("YS-JAN", "2010-01-01")


def test_numbers_of_years_and_months_are_dates() -> None:
    times = axis([f"{year}{month:02}" for year in (1926, 1927) for month in range(1, 13)])
    assert (times.step, times.text(12), times.after(1)) == ("MS", "1927-01-01", ["1928-01-01"])
    assert times.warnings == ()
    within = axis([float(number) for number in range(202001, 202010)])
    assert (within.step, within.text(8)) == ("MS", "2020-09-01"), "also of one year"
    counted = axis([float(number) for number in range(200001, 200020)])
    assert (counted.step, counted.stamps.dtype.kind) == (1.0, "f")


def test_clock_times_do_not_depend_on_the_day_they_are_read() -> None:
    times = axis([f"{i // 60:02}:{i % 60:02}" for i in range(120)])
    assert (times.step, times.text(119)) == ("min", "1970-01-01 01:59:00")
    assert "'00:00' have no date; all are taken as times of one day" in times.warnings[0]
    assert axis(["9:30:00 AM", "9:30:30 AM", "9:31:00 AM"]).text(2) == "1970-01-01 09:31:00"
    assert axis(["9:05", "10:05:30", "11:06:00.5"]).text(1) == "1970-01-01 10:05:30"
    with pytest.raises(DataError, match=r"time goes back .* all are taken as times of one day"):
        axis(["23:00", "23:30", "00:00"])


def test_calendar_goes_round() -> None:
    stamps = np.array(["2020-01-06T00:00", "2020-01-08T12:00"], dtype="datetime64[ns]")
    found = calendar(stamps, ("day", "week"))
    week = 2 * np.pi * 2.5 / 7
    expected = [[0, 1, 0, 1], [0, -1, np.sin(week), np.cos(week)]]
    assert found == pytest.approx(np.array(expected), abs=1e-9)
    year = calendar(np.array(["2020-07-01"], dtype="datetime64[ns]"), ("year",))
    angle = 2 * np.pi * 182 / 365.25
    assert year == pytest.approx(np.array([[np.sin(angle), np.cos(angle)]]))


# -- Missing values


def test_missing_values_are_filled_as_told() -> None:
    gaps = np.array([[np.nan, 1], [2, 2], [np.nan, 3], [np.nan, 4], [8, 5], [np.nan, 6]])
    assert fill(gaps, "linear", "ab")[:, 0].tolist() == [2, 2, 4, 6, 8, 8]
    assert fill(gaps, "previous", "ab")[:, 0].tolist() == [2, 2, 2, 2, 8, 8]
    assert fill(gaps, "linear", "ab")[:, 1].tolist() == [1, 2, 3, 4, 5, 6]
    assert fill(gaps, "linear", "ab").dtype == np.float32
    with pytest.raises(DataError) as error:
        fill(gaps, "error", ["speed", "load"])
    assert str(error.value) == (
        "missing values: 'speed' 4, first in step 1; fill them with --source-set missing=linear or "
        "missing=previous"
    )
    gaps[:, 0] = np.nan
    for how in ("error", "linear", "previous"):
        with pytest.raises(DataError, match="'speed' has no value at all; .*--drop"):
            fill(gaps, how, ["speed", "load"])


@pytest.mark.slow
def test_steps_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("#t, speed, note\n1,2.5,x\n2,?,y\n")
    found = open_steps(path)
    assert list(found.columns) == ["t", "speed", "note"]
    steps = read_steps(found, "a.csv", "t", left_out=["note"])
    assert steps.channels == ("speed",)
    assert np.array_equal(steps.values, [[2.5], [np.nan]], equal_nan=True)
    assert steps.times is not None and steps.times.stamps.tolist() == [1, 2]
    with pytest.raises(DataError, match="column 'note' holds text such as 'x'; .*--drop note"):
        read_steps(found, "a.csv", "t")
    with pytest.raises(DataError, match="a.csv: it lacks the column 'w'; it has 't', 'speed', "):
        read_steps(found, "a.csv", "t", ["speed", "w"])
    with pytest.raises(DataError, match="a.csv: it lacks the column 'when'"):
        read_steps(found, "a.csv", "when", ["speed"])
    with pytest.raises(DataError, match="no column of numbers is left; it has t, speed, note"):
        read_steps(found, "a.csv", "t", left_out=["note", "speed"])
    path.write_text("#a, a\n1,2\n")
    with pytest.raises(DataError, match="two columns of one name: #a, a"):
        open_steps(path)
