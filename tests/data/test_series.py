"""Series in tables: columns, windows, seasons, splits in order of time, and new series."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.quality.leakage import check_leakage
from mlzoo.data.reader_record import parse_reader
from mlzoo.data.reader_record import reader_of as reader_of_run
from mlzoo.data.record import split_record, trained_on, write_reader
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.axes.seasons import choose_season, default_window
from mlzoo.data.sequences.inference_series import last_windows
from mlzoo.data.sequences.sequences import Series
from mlzoo.data.sequences.windows import Windows, shared_time, split_by_time
from mlzoo.data.splits.splitting import split
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge
from tests.data.pictures import as_stored, config, shared


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def write(path: Path, **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def dates(count: int, freq: str = "D") -> list[str]:
    return [str(t.date()) for t in pd.date_range("2020-01-01", periods=count, freq=freq)]


def counted(folder: Path, count: int = 100, **more: Any) -> Path:
    """A series whose value is the number of its step, from 0."""
    return write(folder / "s.csv", date=dates(count), **more, v=np.arange(count))


def reader_of(samples: Samples) -> Any:
    return as_stored(samples.reader)


# -- Windows


def test_windows_and_what_follows(tmp_path: Path) -> None:
    samples = read(counted(tmp_path, 30), window=4, horizon=2, stride=3)
    assert (samples.task, samples.kind, samples.target_names) == ("forecasting", "sequence", ("v",))
    assert samples.inputs.shape == (9, 4, 1) and samples.targets.shape == (9, 2, 1)
    for i in range(9):
        assert samples.inputs[i].ravel().tolist() == [3 * i, 3 * i + 1, 3 * i + 2, 3 * i + 3]
        assert samples.targets[i].ravel().tolist() == [3 * i + 4, 3 * i + 5]
    assert samples.names[:2] == ["from 2020-01-05", "from 2020-01-08"]
    assert samples.windows.spans[:2].tolist() == [[0, 6], [3, 9]]
    assert samples.windows.history[:2].tolist() == [4, 7]
    notes = "\n".join(samples.notes)
    assert "source: series (--source)" in notes
    assert "one series of 30 steps, 2020-01-01 to 2020-01-30, by 'date'" in notes
    assert "target: 'v', the last column of numbers (--target)" in notes
    assert "windows: 4 steps of v, then 2 of v (--window, --horizon, --stride)" in notes


def test_the_last_window_ends_with_the_series(tmp_path: Path) -> None:
    samples = read(counted(tmp_path, 30), window=5, horizon=3)
    assert len(samples) == 30 - 5 - 3 + 1
    assert samples.targets[-1].ravel().tolist() == [27, 28, 29]


def test_targets_come_first_and_other_columns_are_inputs(tmp_path: Path) -> None:
    steps = np.arange(40)
    path = counted(tmp_path, 40, a=steps + 100, b=steps + 200)
    samples = read(path, window=2)
    assert samples.reader.channels == ("v", "a", "b")
    assert samples.inputs[0].tolist() == [[0, 100, 200], [1, 101, 201]]
    samples = read(path, target="b, a", window=2, horizon=2)
    assert samples.target_names == ("b", "a")
    assert samples.inputs[0].tolist() == [[200, 100, 0], [201, 101, 1]]
    assert samples.targets[0].tolist() == [[202, 102], [203, 103]]
    samples = read(path, target="b", drop=["a"], window=2)
    assert samples.reader.channels == ("b", "v")
    data = datasets.load(config(path, target="b,a", window=2))
    assert data.outputs.channels == (0, 1)


def test_text_is_no_default_target(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", date=dates(40), v=np.arange(40), flag=["x", "y"] * 20)
    assert read(path, source="series", drop=["flag"]).target_names == ("v",)
    # Text last is what a table predicts.
    table = read(path)
    assert table.class_names == ("x", "y")
    assert any("to forecast, split in order of time: --source series" in w for w in table.warnings)
    with pytest.raises(DataError, match=r"s.csv: column 'flag' holds text .*--drop flag"):
        read(path, source="series")


def test_all_columns_of_text_are_named_with_the_option(tmp_path: Path) -> None:
    text = {name: ["x", "y"] * 20 for name in ("flag", "kind of day")}
    path = write(tmp_path / "s.csv", date=dates(40), **text, v=np.arange(40))
    with pytest.raises(DataError) as error:
        read(path, source="series")
    assert "column 'flag' holds text" in str(error.value)
    assert str(error.value).endswith("leave them all out with --drop 'flag,kind of day'")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "w"}, r"--target: unknown column 'w'.*\nthere are date, a, v"),
        ({"target": "v,vv"}, r"--target: unknown column 'vv' \(did you mean 'v'"),
        ({"target": "date"}, "--target: 'date' is the time; name a column of numbers"),
        ({"target": "a", "drop": ["a"]}, "--target: 'a' is left out by --drop"),
        ({"target": "a", "group_by": "a"}, "--target: 'a' is what tells the series apart"),
        ({"group_by": "plant"}, "--group-by: unknown column 'plant'"),
        ({"drop": ["q"]}, "--drop: unknown column 'q'"),
        ({"drop": ["a", "v"]}, "no column to forecast is left beside the time 'date'"),
        ({"source_set": {"time": "when"}}, "no column 'when' to read times from"),
    ],
)
def test_columns_that_do_not_fit(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    path = counted(tmp_path, 40, a=np.arange(40) // 20)
    with pytest.raises(DataError, match=message):
        read(path, **fields)


def test_rows_are_steps_without_a_time(tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", v=np.arange(40))
    samples = read(path, source="series", window=4)
    assert samples.reader.time is None
    assert samples.names[0] == "from step 5"
    numbered = write(tmp_path / "t.csv", time=np.arange(40) * 0.5, v=np.arange(40))
    samples = read(numbered, source="series", window=4)
    assert (samples.reader.time, samples.reader.step) == ("time", 0.5)
    assert samples.reader.channels == ("v",)
    assert samples.names[1] == "from 2.5"
    samples = read(numbered, source="series", window=4, source_set={"time": "none"})
    assert samples.reader.channels == ("v", "time")


def test_missing_values(tmp_path: Path) -> None:
    path = counted(tmp_path, 40)
    path.write_text(path.read_text().replace("2020-01-08,7", "2020-01-08,"))
    with pytest.raises(DataError, match=r"s.csv: missing values: 'v' 1, first in step 8; .*linear"):
        read(path)
    assert read(path, window=9, source_set={"missing": "linear"}).inputs[0][7, 0] == 7
    assert read(path, window=9, source_set={"missing": "previous"}).inputs[0][7, 0] == 6


def holes(folder: Path, gone: Any, count: int = 100, kept: Any = None) -> Path:
    """A series whose value is the number of its step, with some values or whole steps left out."""
    values = pd.Series(np.arange(float(count)))
    values[list(gone)] = np.nan
    kept = range(count) if kept is None else kept
    days = dates(count)
    return write(folder / "h.csv", date=[days[i] for i in kept], v=values[list(kept)])


@pytest.mark.parametrize("how", ["linear", "previous"])
def test_filled_values_are_no_truth(tmp_path: Path, how: str) -> None:
    gone = [10, 50, 85, 86, 87, 88]
    settings = config(
        holes(tmp_path, gone), window=4, horizon=2, stride=1, source_set={"missing": how}
    )
    data = datasets.load(settings)
    samples = data.samples
    truth = samples.targets[:][..., 0]
    steps = samples.windows.history[:, None] + np.arange(2)
    assert np.array_equal(np.isnan(truth), np.isin(steps, gone))
    assert np.isnan(truth).any() and np.isfinite(truth).any(axis=1).all()
    assert np.isfinite(samples.inputs[:]).all()
    notes = "\n".join(data.notes)
    assert "missing values: 6 of 100 filled (v 6)" in notes
    assert "missing values filled: train 2, valid 0, test 4" in notes
    assert samples.reader.missing == how
    again = read_labelled(str(tmp_path / "h.csv"), reader_of(samples))
    assert np.array_equal(again.targets[:], samples.targets[:], equal_nan=True)
    assert "6 of 100 filled" in again.notes[0]


def test_a_filled_input_knows_nothing_of_what_follows(tmp_path: Path) -> None:
    """However the values after a window change, its inputs stay."""
    for how in ("linear", "previous"):
        found = []
        for factor in (1, 1000):
            path = holes(tmp_path, [10, 11, 50])
            frame = pd.read_csv(path)
            frame.loc[12:, "v"] *= factor
            frame.to_csv(path, index=False)
            samples = read(path, window=4, horizon=2, source_set={"missing": how})
            own = samples.windows.history <= 12
            found.append({t: x for t, x in zip(samples.names, samples.inputs[own], strict=False)})
        assert len(found[0]) > 4
        for name in found[0]:
            assert np.array_equal(found[0][name], found[1][name])


def test_values_are_not_filled_across_a_break(tmp_path: Path) -> None:
    kept = [i for i in range(100) if not 20 <= i < 30]
    path = holes(tmp_path, [18, 19, 30, 31], kept=kept)
    for how in ("linear", "previous"):
        samples = read(path, window=3, horizon=1, source_set={"missing": how})
        first = samples.targets[:][..., 0]
        # Nothing before steps 30 and 31 tells them.
        after = [window for window, y in zip(samples.inputs[:], first, strict=True) if y[0] > 30]
        assert after[0].ravel().tolist() == [32, 33, 34]
        before = [window for window, y in zip(samples.inputs[:], first, strict=True) if y[0] < 20]
        assert before[-1].ravel().tolist() == [14, 15, 16]


def test_decimal_commas_are_numbers_unless_they_could_be_thousands(tmp_path: Path) -> None:
    rows = [f"{d:02}.01.2024;{v},5;{v}" for d, v in zip(range(1, 31), range(30), strict=True)]
    path = tmp_path / "de.csv"
    path.write_text("\n".join(["Tag;Wert;n", *rows]))
    samples = read(path, source="series", target="Wert", window=3)
    assert samples.inputs[0].tolist() == [[0.5, 0], [1.5, 1], [2.5, 2]]
    assert samples.reader.step == "D"
    path.write_text(
        "\n".join(["Tag;Wert", *[f"{row[:10]};1,{i:03}" for i, row in enumerate(rows)]])
    )
    with pytest.raises(DataError, match="column 'Wert' holds text such as '1,000'"):
        read(path, source="series")


def test_no_window_reaches_across_a_break(tmp_path: Path) -> None:
    kept = [i for i in range(60) if i not in (20, 21, 45)]
    path = write(tmp_path / "s.csv", date=[dates(60)[i] for i in kept], v=kept)
    samples = read(path, window=5, horizon=2)
    # Stretches of 20, 23 and 14 steps.
    assert len(samples) == 14 + 17 + 8
    both = np.concatenate([samples.inputs[:], samples.targets[:]], axis=1)[..., 0]
    assert (np.diff(both, axis=1) == 1).all()
    assert samples.warnings == (
        "s.csv: 2 breaks in time (the usual step is D): 2020-01-20 to 2020-01-23, 2020-02-14 to "
        "2020-02-16; no window reaches across a break",
    )
    with pytest.raises(
        DataError, match="stretch without a break in time has 23 steps, but a window of 22 and a "
    ):
        read(path, window=22, horizon=2)


def test_a_series_that_is_too_short(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 10 steps, .* take 11 in a row; use a shorter"):
        read(counted(tmp_path, 10), window=8, horizon=3)
    assert len(read(counted(tmp_path, 11), window=8, horizon=3)) == 1


def test_times_out_of_order_name_the_row(tmp_path: Path) -> None:
    days = dates(30)
    days[5], days[6] = days[6], days[5]
    path = write(tmp_path / "s.csv", date=days, v=np.arange(30))
    with pytest.raises(DataError, match=r"s.csv: time goes back in row 7 \(line 8\)"):
        read(path, source="series")
    days[6] = days[5]
    path = write(tmp_path / "s.csv", date=days, v=np.arange(30))
    with pytest.raises(
        DataError, match=r"occurs twice, in row 6 \(line 7\) and row 7 .*--group-by"
    ):
        read(path, source="series")


def hourly(folder: Path, count: int = 200) -> Path:
    """A series whose times are spread over four columns, and which repeats itself daily."""
    times = pd.date_range("2010-02-27", periods=count, freq="h")
    parts = {name: getattr(times, name) for name in ("year", "month", "day", "hour")}
    return write(folder / "h.csv", No=np.arange(count), **parts, v=times.hour + 0.5)


def test_columns_of_one_time(tmp_path: Path) -> None:
    path = hourly(tmp_path)
    samples = read(path, source="series", drop=["No"], window=4)
    assert (samples.reader.time, samples.reader.step) == ("year,month,day,hour", "h")
    assert samples.reader.channels == ("v",)
    assert samples.names[0] == "from 2010-02-27 04:00:00"
    assert samples.windows.season == 24
    assert "year,month,day,hour are one time and no channels" in "\n".join(samples.notes)
    found = last_windows(path, reader_of(samples))
    assert found.times == [["2010-03-07 08:00:00"]]
    # As asked for, and with one of the columns left out.
    daily = write(tmp_path / "d.csv", y=[2020] * 20, day=np.arange(20) + 1, month=1, v=range(20))
    read_as = read(daily, source="series", source_set={"time": "y,month,day"}, window=2)
    assert (read_as.reader.step, read_as.reader.channels) == ("D", ("v",))
    with pytest.raises(DataError, match="no column 'mnth' to read times from"):
        read(daily, source="series", source_set={"time": "y,mnth"})


def test_dates_with_the_clock_beside_them(tmp_path: Path) -> None:
    times = pd.date_range("2004-03-10 18:00", periods=100, freq="h")
    path = write(
        tmp_path / "c.csv",
        Date=times.strftime("%d/%m/%Y"),
        Time=times.strftime("%H.%M.%S"),
        v=np.arange(100),
    )
    samples = read(path, source="series", window=4)
    assert (samples.reader.time, samples.reader.step) == ("Date,Time", "h")
    assert samples.names[0] == "from 2004-03-10 22:00:00"
    bikes = write(tmp_path / "b.csv", d=[str(t.date()) for t in times], hr=times.hour, v=range(100))
    assert read(bikes, source="series", window=4).reader.time == "d,hr"


def test_years_and_months_without_a_date() -> None:
    samples = read(shared("series/shampoo.csv"))
    assert (samples.reader.source, samples.reader.step) == ("series", "MS")
    assert samples.names[0] == "from 0001-05-01"
    assert "times such as '1-01' are read as a year and a month" in samples.warnings[0]


# -- Several series


def plants(folder: Path, lengths: dict[str, int]) -> Path:
    """Series one after the other; values count from 0, 1000, 2000, ..."""
    frames = [
        pd.DataFrame({"plant": name, "date": dates(count), "v": 1000 * i + np.arange(count)})
        for i, (name, count) in enumerate(lengths.items())
    ]
    pd.concat(frames).to_csv(folder / "p.csv", index=False)
    return folder / "p.csv"


def test_several_series_share_a_time_and_no_window(tmp_path: Path) -> None:
    path = plants(tmp_path, {"north": 40, "south": 50})
    samples = read(path, group_by="plant", window=3, horizon=2)
    assert len(samples) == 36 + 46
    assert samples.names[0] == "north from 2020-01-04"
    assert samples.inputs[36].ravel().tolist() == [1000, 1001, 1002]
    both = np.concatenate([samples.inputs[:], samples.targets[:]], axis=1)[..., 0]
    assert (np.diff(both, axis=1) == 1).all()
    assert samples.windows.spans[36].tolist() == [0, 5]
    assert samples.reader.channels == ("v",)
    data = datasets.load(config(path, group_by="plant", window=3, horizon=2))
    borders = [round(50 * share) for share in (0, 0.6, 0.8, 1)]
    for part, low, high in zip(data.parts().values(), borders, borders[1:], strict=False):
        windows = samples.windows.only(part.indices)
        assert (windows.first_targets >= low).all() and (windows.spans[:, 1] <= high).all()
    with pytest.raises(DataError, match="goes back in row 41.*tells them apart with --group-by"):
        read(path, drop=["plant"])


def test_all_series_are_told_of_not_the_first_alone(tmp_path: Path) -> None:
    t = np.arange(400)
    short = pd.DataFrame({"plant": "short", "date": dates(15), "v": np.arange(15) % 3})
    later = pd.DataFrame({"plant": "long", "date": dates(400), "v": np.sin(2 * np.pi * t / 7)})
    path = tmp_path / "p.csv"
    pd.concat([short, later]).to_csv(path, index=False)
    samples = read(path, source="series", group_by="plant", window=4)
    assert "series: 2 series of 415 steps, 2020-01-01 to 2021-02-03, by 'date'" in samples.notes
    # The first, too short for a season, does not take it from the other.
    assert samples.windows.season == 7
    weekly = pd.DataFrame({"plant": "weeks", "date": dates(40, "W"), "v": np.arange(40) % 5})
    weekly.date = weekly.date.astype(str)
    pd.concat([weekly, later, later.assign(plant="other")]).to_csv(path, index=False)
    samples = read(path, source="series", group_by="plant", window=4)
    assert samples.reader.step == "D"
    assert samples.warnings == (
        "the series have different steps: W-SUN (1, such as weeks), D (2, such as long); a window "
        "spans more time in one than in another (leave some out, or bring them to one step)",
    )
    found = last_windows(path, reader_of(samples))
    assert found.notes[-1].endswith("to come at the usual step, W-SUN or D")
    assert found.warnings == (
        "series weeks: the step is W-SUN, but the model was trained on steps of D",
    )


def test_interleaved_series(tmp_path: Path) -> None:
    frame = pd.read_csv(plants(tmp_path, {"n": 30, "s": 30})).sort_values(["date", "plant"])
    frame.to_csv(tmp_path / "p.csv", index=False)
    samples = read(tmp_path / "p.csv", source="series", group_by="plant", window=3)
    assert samples.inputs[0].ravel().tolist() == [0, 1, 2]
    assert samples.inputs[27].ravel().tolist() == [1000, 1001, 1002]


def test_series_that_start_later_lie_later(tmp_path: Path) -> None:
    frame = pd.read_csv(plants(tmp_path, {"n": 60, "s": 60}))
    frame = frame[(frame["plant"] == "n") | (frame["v"] >= 1040)]
    frame.to_csv(tmp_path / "p.csv", index=False)
    data = datasets.load(config(tmp_path / "p.csv", group_by="plant", window=3))
    assert all(name.startswith("n ") for name in data.train.names())
    assert "s from 2020-02-13" in data.valid.names()


def test_some_series_too_short(tmp_path: Path) -> None:
    path = plants(tmp_path, {"north": 40, "south": 4, "east": 5})
    samples = read(path, group_by="plant", window=3, horizon=2)
    assert len(samples) == 36 + 0 + 1
    assert samples.warnings == (
        "1 of 3 series have no window, which takes 5 steps in a row: south (4) (--window, "
        "--horizon)",
    )


def test_a_column_that_tells_no_series_apart_is_refused(tmp_path: Path) -> None:
    readings = np.round(np.random.default_rng(0).normal(size=400), 2)
    path = counted(tmp_path, 400, reading=readings)
    message = (
        r"--group-by 'reading': it makes \d+ series, of which \d+ are too short .* at most 1 st"
    )
    with pytest.raises(DataError, match=message):
        read(path, group_by="reading")
    path = plants(tmp_path, {"a": 6, "b": 30, "c": 6})
    with pytest.raises(DataError, match="3 series, of which 2 are too short for the 8 steps"):
        read(path, source="series", group_by="plant", window=7)
    assert len(read(path, source="series", group_by="plant", window=5)) == 1 + 25 + 1


def test_rows_without_a_series_are_refused(tmp_path: Path) -> None:
    path = plants(tmp_path, {"n": 30})
    path.write_text(path.read_text().replace("n,2020-01-03", ",2020-01-03"))
    with pytest.raises(DataError, match=r"'plant', which .* missing in row 3 \(line 4\) \(1 such"):
        read(path, group_by="plant")


def test_faults_name_the_series(tmp_path: Path) -> None:
    path = plants(tmp_path, {"n": 30, "s": 30})
    path.write_text(path.read_text().replace(",1003", ","))
    with pytest.raises(DataError, match="^p.csv, series s: missing values: 'v' 1, first in step 4"):
        read(path, group_by="plant")


# -- Calendar, season, window


def test_calendar_features_are_inputs(tmp_path: Path) -> None:
    path = counted(tmp_path, 40, tide_sin=np.arange(40))
    samples = read(path, window=2, source_set={"calendar": "week,year", "known_ahead": "none"})
    names = ["v", "tide_sin", "week_sin", "week_cos", "year_sin", "year_cos"]
    assert samples.reader.channels == tuple(names)
    angle = 2 * np.pi * 2 / 7  # 2020-01-01 was a Wednesday
    assert samples.inputs[0][0] == pytest.approx([0, 0, np.sin(angle), np.cos(angle), 0, 1])
    # In new data tide_sin is a column, week_sin is not.
    reader = reader_of(samples)
    assert read_labelled(str(path), reader).inputs.shape == samples.inputs.shape
    with pytest.raises(DataError, match="lacks the column 'tide_sin'"):
        read_inputs(str(write(tmp_path / "n.csv", date=dates(9), v=np.arange(9))), reader)
    path = counted(tmp_path, 40, week_sin=np.arange(40))
    with pytest.raises(DataError, match="has a column 'week_sin' already"):
        read(path, source_set={"calendar": "week"})
    with pytest.raises(UsageError, match="calendar"):
        read(path, source_set={"calendar": "weak"})
    path = write(tmp_path / "t.csv", time=np.arange(40), v=np.arange(40))
    with pytest.raises(DataError, match="need dates, but there are numbers as times in 'time'"):
        read(path, source="series", source_set={"calendar": "week"})


def series(values: np.ndarray, step: Any) -> Series:
    from mlzoo.data.sequences.axes.times import TimeAxis

    stamps = np.arange(len(values)).astype("datetime64[D]")
    return Series("", values.astype(np.float32)[:, None], TimeAxis("t", stamps, step, np.arange(0)))


def test_the_season_is_that_which_repeats() -> None:
    t, rng = np.arange(2000), np.random.default_rng(0)
    weekly = np.sin(2 * np.pi * t / 7) + 0.1 * rng.normal(size=2000)
    yearly = np.sin(2 * np.pi * t / 365) + 0.1 * rng.normal(size=2000)
    assert choose_season([series(weekly, "D")], 1, None)[0] == 7
    assert choose_season([series(yearly, "D")], 1, None)[0] == 365
    assert choose_season([series(yearly[:500], "D")], 1, None)[0] == 7  # 365 is too long for 500
    assert choose_season([series(weekly, "MS")], 1, None)[0] == 12
    assert choose_season([series(weekly, "QS-OCT")], 1, None)[0] == 4
    assert choose_season([series(weekly, "7D")], 1, None)[0] == 52
    assert choose_season([series(weekly, "W-SUN")], 1, None)[0] == 52
    assert choose_season([series(weekly, "30min")], 1, None)[0] in (48, 336)
    assert choose_season([series(weekly, None)], 1, None) == (1, "none that the step suggests")
    assert choose_season([series(weekly, "D")], 1, 30) == (30, "30 steps")
    # A year that weather hides is found by what comes back; a trend or slow waves are no season.
    weather = 2 * yearly + 1.5 * rng.normal(size=2000)
    assert choose_season([series(weather, "D")], 1, None)[0] == 365
    walk = series(np.cumsum(rng.normal(size=2000)), "D")
    for other in (walk, series(t * 1.0, "MS"), series(np.sin(t / 40), "MS")):
        assert "the values do not show it" in choose_season([other], 1, None)[1]
    assert choose_season([series(weekly, "D")], 1, 1) == (1, "none")
    # Three to five years show their season too, also where the noise is as large; a slow wave, a
    # walk and noise have none.
    for days, size in ((1100, 10), (1100, 2), (1250, 1), (1400, 1), (1826, 2), (1826, 1)):
        year = size * np.sin(2 * np.pi * np.arange(days) / 365.25) + rng.normal(size=days)
        season, why = choose_season([series(year, "D")], 1, None)
        assert (season, why.endswith("the values suggest")) == (365, True), (days, size)
    false = 0
    for days in (1100, 1400, 1826) * 4:
        noise = rng.normal(size=days)
        wave = 5 * np.sin(2 * np.pi * np.arange(days) / 800)
        for other in (noise, noise + wave, np.cumsum(noise)):
            false += "do not show it" not in choose_season([series(other, "D")], 1, None)[1]
    assert false <= 2  # of 36
    # What comes after the first 60 % does not count.
    pattern = 9 * rng.normal(size=365)
    mixed = np.concatenate([weekly[:1200], pattern[t[:800] % 365]])
    gaps = {lag: np.abs(mixed[lag:] - mixed[:-lag]).mean() for lag in (7, 365)}
    assert gaps[365] < gaps[7]
    assert choose_season([series(mixed, "D")], 1, None)[0] == 7


def test_default_windows() -> None:
    long, short = series(np.zeros(2000), "D"), series(np.zeros(80), "D")
    assert default_window([long], 7, 365) == 28
    assert default_window([long], 1, 7) == 16
    assert default_window([long], 12, 60) == 60
    assert default_window([short], 7, 7) == 10
    assert default_window([series(np.zeros(5), "D")], 1, 1) == 1


def test_daily_temperatures() -> None:
    path = shared("series/daily-min-temperatures.csv")
    samples = read(path, horizon=7)
    assert samples.target_names == ("Temp",)
    # Each of two breaks costs the 34 windows that would reach across it.
    assert samples.inputs.shape == (3650 - 34 - 2 * 34, 28, 1)
    # Warm and cold days come back after a year, not after a week.
    assert (samples.reader.step, samples.windows.season) == ("D", 365)
    assert "season: 365 steps, as the step of D and the values suggest" in "\n".join(samples.notes)
    # Two leap days are left out of this series.
    assert "2 breaks in time (the usual step is D): 1984-12-30 to 1985-01-01" in samples.warnings[0]


def test_monthly_sunspots() -> None:
    samples = read(shared("series/monthly-sunspots.csv"), horizon=12)
    assert (samples.reader.step, samples.windows.season) == ("MS", 12)
    assert "as the step of MS suggests; the values do not show it" in "\n".join(samples.notes)
    assert samples.inputs.shape == (2820 - 48 - 12 + 1, 48, 1)
    assert samples.warnings == ()


# -- Splits


@pytest.mark.parametrize("gap", [0, 5])
def test_parts_follow_in_time_with_exact_borders(tmp_path: Path, gap: int) -> None:
    path = counted(tmp_path, 100)
    data = datasets.load(config(path, window=4, horizon=2, gap=gap))
    first = {name: part.targets[0, 0, 0] for name, part in data.parts().items()}
    last = {name: part.targets[-1, -1, 0] for name, part in data.parts().items()}
    # The first window must know its inputs; later splits know what came before them.
    assert first == {"train": 4, "valid": 60 + gap, "test": 80 + gap}
    assert last == {"train": 59, "valid": 79, "test": 99}
    assert data.test.inputs()[0, 0, 0] == 76 + gap
    counts = [55, 19 - gap, 19 - gap]
    assert [len(part) for part in data.parts().values()] == counts
    left = 95 - sum(counts)
    notes = "\n".join(data.notes)
    assert (
        f"split: {'/'.join(map(str, counts))} windows in order of time, train 2020-01-01 " in notes
    )
    assert (
        f"{left} windows whose targets reach across a border are left out; inputs may reach back "
        f"across it; {gap} steps between" in notes
    )
    tests = {0: "2020-03-21", 5: "2020-03-26"}[gap]
    assert f"test {tests} to 2020-04-09 (--fractions)" in notes


def test_windows_across_borders_are_counted_in_words(tmp_path: Path) -> None:
    def note(horizon: int, fractions: str) -> str:
        path = counted(tmp_path, 100)
        data = datasets.load(config(path, window=4, horizon=horizon, fractions=fractions))
        return next(text for text in data.notes if "across a border" in text)

    assert note(1, "60/20/20").startswith("split: no targets reach across a border; inputs may")
    assert note(2, "70/0/30").startswith("split: 1 window whose targets reach across a border is ")
    assert note(2, "60/20/20").startswith("split: 2 windows whose targets reach across a border ")


def test_scaling_is_that_of_the_training_part(tmp_path: Path) -> None:
    data = datasets.load(config(counted(tmp_path, 100), window=4, horizon=2))
    rows = data.train.inputs()
    settings = data.inputs.scaling[0]["config"]
    assert settings["mean"] == pytest.approx([rows.mean()])
    assert settings["std"] == pytest.approx([rows.std()])
    assert data.outputs.horizon == 2
    assert data.outputs.mean == pytest.approx((data.train.targets.mean(),))


def test_two_parts_with_a_gap(tmp_path: Path) -> None:
    data = datasets.load(
        config(counted(tmp_path, 100), window=4, horizon=2, gap=3, fractions="80/0/20")
    )
    assert [len(part) for part in data.parts().values()] == [75, 0, 16]
    assert data.test.targets[0, 0, 0] == 83 and data.test.inputs()[0, 0, 0] == 79


def test_a_split_that_holds_no_targets_is_refused(tmp_path: Path) -> None:
    path = counted(tmp_path, 100)
    assert len(datasets.load(config(path, window=19, horizon=20)).valid) == 1
    message = (
        r"the validation split has 20 steps, but the values to forecast take 21: use a shorter --h"
    )
    with pytest.raises(DataError, match=message):
        datasets.load(config(path, window=19, horizon=21))
    with pytest.raises(DataError, match="the validation split has 19 steps, but .* take 20"):
        datasets.load(config(path, window=18, horizon=20, gap=1))
    with pytest.raises(
        DataError, match="the training split has 60 steps, but its first .* take 61"
    ):
        datasets.load(config(path, window=59, horizon=2))


def test_targets_of_one_split_in_windows_of_another_are_refused(tmp_path: Path) -> None:
    samples = read(counted(tmp_path, 100), window=4, horizon=2)
    parts = split(samples).parts
    assert check_leakage(samples, parts) == []
    mixed = parts | {"test": np.concatenate([[50, 51], parts["test"]])}
    message = r"mend .*--allow-leakage:\n2 of 21 test windows have targets that lie in training w"
    with pytest.raises(DataError, match=message) as error:
        check_leakage(samples, {**mixed, "valid": mixed["valid"][10:]})
    assert "validation" not in str(error.value)
    found = check_leakage(samples, mixed, allow=True)
    assert found == [
        "2 of 21 test windows have targets that lie in training windows",
        "1 of 21 test windows have targets that lie in validation windows",
    ]


def test_short_series_run_at_every_horizon(tmp_path: Path) -> None:
    """144 months: 29 of them are tested on, not 13, and a year ahead can be forecast."""
    months = [str(t)[:7] for t in pd.period_range("1949-01", periods=144, freq="M")]
    path = write(tmp_path / "air.csv", Month=months, Passengers=np.arange(144) % 12)
    for horizon, count in ((1, 29), (6, 24), (12, 18)):
        assert len(datasets.load(config(path, horizon=horizon)).test) == count
    for name in ("monthly_champagne_sales", "monthly-robberies", "yearly-water-usage"):
        data = datasets.load(config(shared(f"series/{name}.csv"), horizon=12))
        assert min(len(part) for part in data.parts().values()) >= 5


def test_runs_made_before_keep_their_windows(tmp_path: Path) -> None:
    """A record that does not say that inputs reach back has splits that share no step."""
    settings = config(counted(tmp_path, 100), horizon=2)
    samples = loading.read(settings)
    record = write_reader(samples.reader) | {"window": 4, "season": 5}
    del record["reach_back"]
    old = loading.read_again(settings, parse_reader(record))
    assert (old.inputs.shape[1], old.windows.season) == (4, 5)
    parts = datasets.arrange(old, settings, 0).parts()
    assert [len(part) for part in parts.values()] == [55, 15, 15]
    assert parts["test"].inputs()[0, 0, 0] == 80
    assert not old.reader.reach_back
    again = loading.read_again(settings, samples.reader)
    assert np.array_equal(again.windows.first_targets, samples.windows.first_targets)


@pytest.mark.parametrize("name", ["rnn-mackey-glass", "tcn-mackey-glass"])
def test_published_runs_keep_their_split(name: str) -> None:
    folder = Path(__file__).parents[2] / "saved_models" / "zoo" / name
    record, parts = (json.loads((folder / f"{n}.json").read_text()) for n in ("data", "split"))
    settings = merge({}, folder / "config.yaml", allow_unused=True).config
    reader = reader_of_run(folder / "data.json", record)
    data = datasets.arrange(loading.read_again(settings, reader), settings, settings.seed)
    assert data.fingerprint == record["fingerprint"]
    for part, rows in data.parts().items():
        assert rows.indices.tolist() == parts["parts"][part]["indices"]


def test_shared_time_counts_exactly() -> None:
    spans = np.array([[0, 5], [10, 15], [5, 10], [14, 16], [3, 4]])
    windows = Windows(spans, spans[:, 0], 1, np.arange(20).astype(object))
    train = np.array([0, 1])
    assert shared_time(windows, {"train": train, "test": np.array([2])}) == []
    assert shared_time(windows, {"train": train, "test": np.array([2, 3, 4])}) == [
        "2 of 3 test windows share steps in time with training windows"
    ]
    found, _ = split_by_time(windows, {"train": 0.5, "test": 0.5}, 0)
    assert found["train"].tolist() == [0, 4] and found["test"].tolist() == [1, 3]


# -- New series


def test_the_training_series_are_known_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write(tmp_path / "s.csv", date=dates(100), v=rng.normal(size=100))
    settings = config(path, window=4, horizon=2)
    data = datasets.load(settings)
    record = json.loads(json.dumps(split_record(data, settings)))
    again = read_labelled(str(path), reader_of(data.samples))
    assert np.array_equal(again.inputs[:], data.samples.inputs[:])
    assert np.array_equal(again.targets[:], data.samples.targets[:])
    assert trained_on(again, record) == len(data.train) + len(data.valid)
    other = write(tmp_path / "o.csv", date=dates(100), v=rng.normal(size=100))
    assert trained_on(read_labelled(str(other), reader_of(data.samples)), record) == 0


def test_series_are_continued_from_their_last_window(tmp_path: Path) -> None:
    path = counted(tmp_path, 100, a=np.arange(100) + 500)
    reader = reader_of(read(path, window=3, horizon=2))
    new = write(tmp_path / "n.csv", date=dates(9), extra=0, v=np.arange(9), a=np.arange(9) + 50)
    found = last_windows(new, reader)
    assert found.windows.tolist() == [[[6, 56], [7, 57], [8, 58]]]
    assert found.times == [["2020-01-10", "2020-01-11"]]
    assert found.notes == (
        "n.csv: forecast from the last 3 steps, 2020-01-07 to 2020-01-09",
        "the 2 steps that follow are taken to come at the usual step, D",
    )
    assert found.warnings == ()
    inputs = read_inputs(str(new), reader)
    assert np.array_equal(inputs.rows, found.windows) and inputs.names == [""]


def test_new_series_that_are_odd(tmp_path: Path) -> None:
    reader = reader_of(read(counted(tmp_path, 100), window=5, horizon=2))
    days = [*dates(9)[:7], "2020-01-20", "2020-01-21"]
    found = last_windows(write(tmp_path / "n.csv", date=days, v=np.arange(9)), reader)
    assert "n.csv: the last window reaches across a break in time" in found.warnings
    found = last_windows(write(tmp_path / "n.csv", date=dates(9, "W"), v=np.arange(9)), reader)
    assert found.warnings == ("n.csv: the step is W-SUN, but the model was trained on steps of D",)
    with pytest.raises(DataError, match="n.csv has 4 steps, but .* the last 5; give more of its p"):
        last_windows(write(tmp_path / "n.csv", date=dates(4), v=np.arange(4)), reader)
    with pytest.raises(DataError, match="n.csv: it lacks the column 'date'; it has 'v'"):
        last_windows(write(tmp_path / "n.csv", v=np.arange(9)), reader)
    with pytest.raises(DataError, match="n.csv: it lacks the column 'v'; it has 'date', 'w'"):
        read_labelled(str(write(tmp_path / "n.csv", date=dates(9), w=np.arange(9))), reader)


def test_numbers_as_times_have_one_step_however_they_are_rounded(tmp_path: Path) -> None:
    t = np.arange(400) * 0.1
    path = write(tmp_path / "s.csv", time=t, v=np.sin(t))
    reader = reader_of(read(path, source="series", window=4))
    later = write(tmp_path / "n.csv", time=(1000 + t)[:40], v=np.sin(t)[:40])
    found = last_windows(later, reader)
    assert found.warnings == ()
    assert found.notes[-1].endswith("at the usual step, 0.1")
    other = write(tmp_path / "o.csv", time=2 * t + 1e-12, v=np.sin(t))
    assert last_windows(other, reader).warnings == (
        "o.csv: the step is 0.2, but the model was trained on steps of 0.1",
    )


def test_only_the_last_window_of_a_new_series_must_be_known(tmp_path: Path) -> None:
    path = counted(tmp_path, 100)
    reader = reader_of(read(path, window=5, horizon=2))
    assert last_windows(holes(tmp_path, [3]), reader).windows[0, :, 0].tolist() == [*range(95, 100)]
    with pytest.raises(DataError, match="'v' 1, first in step 3; give them, or train again with"):
        last_windows(holes(tmp_path, [97]), reader)
    with pytest.raises(DataError, match="first in step 4; give them, or train again with"):
        read_labelled(str(holes(tmp_path, [3])), reader)
    reader = reader.model_copy(update={"missing": "previous"})
    found = last_windows(holes(tmp_path, [97]), reader)
    assert found.windows[0, :, 0].tolist() == [95, 96, 96, 98, 99]
    assert "h.csv: 1 missing in the last window, filled (missing=previous)" in found.notes
    with pytest.raises(DataError, match="h.csv: 'v' is missing at 2020-01-01, and so is what came"):
        last_windows(holes(tmp_path, [0], count=5), reader)


@pytest.mark.slow
def test_new_series_of_several(tmp_path: Path) -> None:
    reader = reader_of(read(plants(tmp_path, {"n": 40, "s": 40}), group_by="plant", window=3))
    found = last_windows(plants(tmp_path, {"west": 8, "east": 9}), reader)
    assert found.names == ["west", "east"]
    assert found.windows[:, -1, 0].tolist() == [7, 1008]
    assert found.times == [["2020-01-09"], ["2020-01-10"]]
    with pytest.raises(DataError, match="has no column 'plant', which tells the series apart"):
        last_windows(counted(tmp_path), reader)


# -- Known ahead


def promoted(path: Path, count: int = 40, more: int = 0) -> Path:
    """A series of step numbers, whose promotions are known of some steps that follow too."""
    steps = np.arange(count + more)
    values = np.where(steps < count, steps, np.nan)
    return write(path, date=dates(count + more), promotion=steps + 100, v=values)


AHEAD = {"window": 4, "horizon": 3, "source_set": {"known_ahead": "promotion"}}


def test_a_window_knows_given_columns_of_the_steps_to_forecast(tmp_path: Path) -> None:
    samples = read(promoted(tmp_path / "s.csv"), **AHEAD)
    assert samples.target_names == ("v",)
    assert samples.reader.input_names == ("v", "promotion (+3)")
    assert samples.context_channels == (1,)
    assert samples.inputs[5].tolist() == [[5, 108], [6, 109], [7, 110], [8, 111]]
    assert samples.targets[5].ravel().tolist() == [9, 10, 11]
    assert len(samples) == 40 - 4 - 3 + 1
    assert samples.targets[-1].ravel().tolist() == [37, 38, 39]
    assert "known ahead: promotion; a window has them of the steps to forecast" in samples.notes
    # Rows of which nothing but that is known belong to the future, also of training data.
    again = read(promoted(tmp_path / "t.csv", 40, more=2), **AHEAD)
    np.testing.assert_array_equal(again.inputs[:], samples.inputs[:])
    labelled = read_labelled(str(tmp_path / "s.csv"), reader_of(samples))
    np.testing.assert_array_equal(labelled.inputs[:], samples.inputs[:])


def test_new_series_give_what_is_known_ahead(tmp_path: Path) -> None:
    reader = reader_of(read(promoted(tmp_path / "s.csv"), **AHEAD))
    latest = last_windows(promoted(tmp_path / "n.csv", 20, more=5), reader)
    assert latest.windows[0].tolist() == [[16, 119], [17, 120], [18, 121], [19, 122]]
    assert latest.times == [["2020-01-21", "2020-01-22", "2020-01-23"]]
    with pytest.raises(DataError, match="'promotion' of the 3 steps to forecast, and 2 are given"):
        last_windows(promoted(tmp_path / "n.csv", 20, more=2), reader)
    path = promoted(tmp_path / "n.csv", 20, more=5)
    path.write_text(path.read_text().replace("2020-01-22,", "2020-02-22,").split("2020-01-23")[0])
    with pytest.raises(DataError, match="breaks off before 2020-02-22, one of the rows without"):
        last_windows(path, reader)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source_set": {"known_ahead": "v"}, "target": "v"}, "'v' is to be forecast"),
        ({"source_set": {"known_ahead": "date"}}, "'date' is the time"),
        ({"source_set": {"known_ahead": "prom"}}, "known_ahead=: .* 'prom'"),
        ({**AHEAD, "window": 2}, "needs a window as long as the 3 steps to forecast"),
    ],
)
def test_what_can_not_be_known_ahead(tmp_path: Path, fields: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(promoted(tmp_path / "s.csv"), **fields)


def test_the_calendar_is_known_ahead(tmp_path: Path) -> None:
    path = counted(tmp_path, 40)
    samples = read(path, window=2, horizon=2, source_set={"calendar": "week"})
    angles = 2 * np.pi * (2 + np.arange(40)) / 7  # 2020-01-01 was a Wednesday
    assert samples.inputs[0][:, 1] == pytest.approx(np.sin(angles[2:4]), abs=1e-6)
    latest = last_windows(path, reader_of(samples)).windows[0]
    assert latest[:, 2] == pytest.approx(np.cos(angles[-1] + 2 * np.pi / 7 * np.array([1, 2])))
    past = read(path, window=2, horizon=3, source_set={"calendar": "week"})
    assert past.reader.ahead == () and past.inputs[0][0, 1] == pytest.approx(np.sin(angles[0]))
    # Runs of before go on to know the calendar of the past alone.
    before = reader_of(samples).model_copy(update={"ahead": ()})
    run = config(path, window=2, horizon=2, source_set={"calendar": "week"})
    assert loading.read_again(run, before).inputs[0][0, 1] == pytest.approx(np.sin(angles[0]))


# -- Several series as one


def test_series_and_their_kinds_are_inputs(tmp_path: Path) -> None:
    path = plants(tmp_path, {"west": 30, "east": 30})
    table = pd.read_csv(path)
    kinds, sizes = (
        table.plant.map({"west": "wind", "east": "sun"}),
        np.where(table.plant == "west", 5, 7),
    )
    table.assign(kind=kinds, size=sizes).to_csv(path, index=False)
    fields = {
        "group_by": "plant",
        "target": "v",
        "window": 4,
        "source_set": {"static": "plant,kind,size"},
    }
    samples = read(path, **fields)
    names = ("size", "plant=east", "plant=west", "kind=sun", "kind=wind")
    assert samples.reader.channels == ("v", *names) and samples.context_channels == (1, 2, 3, 4, 5)
    assert samples.inputs[0][:, 1:].tolist() == [[5, 0, 1, 0, 1]] * 4
    assert samples.inputs[-1][:, 1:].tolist() == [[7, 1, 0, 1, 0]] * 4
    reader = reader_of(samples)
    np.testing.assert_array_equal(read_labelled(str(path), reader).inputs[:], samples.inputs[:])
    new = plants(tmp_path, {"north": 8})
    pd.read_csv(new).assign(kind="sun", size=6).to_csv(new, index=False)
    latest = last_windows(new, reader)
    assert latest.windows[0, 0, 1:].tolist() == [6, 0, 0, 1, 0]
    assert latest.warnings[0].startswith("'plant' is north, which the model was not trained on")


@pytest.mark.parametrize(
    ("static", "message"),
    [
        ("v", "'v' is to be forecast"),
        ("kind", "'kind'"),
        ("month", "'month' has 70 values, and at"),
        ("even", "'even' changes, from 0 to 1; leave it out"),
    ],
)
def test_what_can_not_be_static(tmp_path: Path, static: str, message: str) -> None:
    path = counted(tmp_path, 70, month=[f"m{i}" for i in range(70)], even=np.arange(70) % 2)
    with pytest.raises(DataError, match=f"--source-set static=: .*{message}"):
        read(path, target="v", source_set={"static": static})
