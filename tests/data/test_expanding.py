"""Dates, texts and identifiers in tables: what is read of them, and the same of new rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs
from mlzoo.data.tables.expanding import BUCKETS, expand_dates, expand_texts, features
from tests.data.pictures import config

DAYS = pd.date_range("2023-11-20", periods=60, freq="37h")


def column(values: object) -> np.ndarray:
    return np.array(list(values), dtype=object)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("form", "order"),
    [
        ("%Y-%m-%d", ""),
        ("%Y%m%d", ""),
        ("%d.%m.%Y", "day first"),
        ("%m/%d/%Y", "month first"),
        ("%d %b %Y", "month by its name"),
    ],
)
def test_dates_are_read_as_their_parts_however_they_are_written(form: str, order: str) -> None:
    found = expand_dates("d", column([*DAYS.strftime(form), None]))
    assert found is not None and {c.form for c in found.columns} == {order}
    assert [c.name for c in found.columns] == ["d.year", "d.month", "d.day", "d.weekday"]
    expected = np.stack([DAYS.year, DAYS.month, DAYS.day, DAYS.day_of_week], axis=1)
    np.testing.assert_array_equal(found.values[:-1], expected)
    np.testing.assert_array_equal(found.values[-1], [np.nan] * 3 + [-1])
    assert "dates, read as year, month, day, weekday (--raw-columns)" in found.note
    # A single new date is read as those were.
    new = features(
        column(["2024-02-03" if not order else pd.Timestamp("2024-02-03").strftime(form)]),
        found.columns,
    )
    assert new.tolist() == [[2024, 2, 3, 5]]
    with pytest.raises(DataError, match="'d' holds 'soon', which is no date"):
        features(column(["soon"]), found.columns)


def test_hours_are_read_where_there_are_some_and_constant_parts_are_not() -> None:
    hours = pd.date_range("2024-05-01", periods=30, freq="5h").strftime("%Y-%m-%d %H:%M")
    found = expand_dates("t", column(hours))
    assert found is not None
    assert [c.feature for c in found.columns] == ["day", "weekday", "hour"]


def test_day_and_month_must_be_told_apart() -> None:
    with pytest.raises(DataError, match="'03/01/2024'.*can't be told apart; write the year first"):
        expand_dates("d", column(f"{i % 5 + 3:02}/{i % 7 + 1:02}/2024" for i in range(20)))
    assert expand_dates("d", column([*DAYS.strftime("%Y-%m-%d"), "unknown"])) is None
    assert expand_dates("d", column(f"{i % 5};{i % 7}" for i in range(20))) is None


def test_years_of_two_digits_are_no_dates() -> None:
    days = [f"{1 + i % 28:02}-Jan-{60 + i % 30}" for i in range(60)]
    assert expand_dates("when", np.array(days, dtype=object)) is None
    full = [day[:7] + "19" + day[7:] for day in days]
    expanded = expand_dates("when", np.array(full, dtype=object))
    assert expanded is not None
    assert expanded.values[:, 0].min() == 1960 and expanded.values[:, 0].max() == 1989
    with pytest.raises(DataError, match="'01-Jan-75', which is no date"):
        features(np.array(["01-Jan-75"], dtype=object), expanded.columns)
    missing = features(np.array([None], dtype=object), expanded.columns)
    assert np.isnan(missing[0, 0]), "also where no date is known"


def test_texts_are_hashed_and_names_of_rows_left_out() -> None:
    texts = column([f"the bolt number {i} is {('loose', 'tight')[i % 2]}" for i in range(40)])
    found = expand_texts("remark", texts)
    np.testing.assert_allclose(np.linalg.norm(found.values, axis=1), 1, rtol=0.2)
    again = features(column(["THE bolt number 3 is tight!", None]), found.columns)
    np.testing.assert_array_equal(again[0], found.values[3])
    assert not again[1].any()
    assert {c.origin for c in found.columns} == {"remark"} and len(found.columns) <= BUCKETS
    assert expand_texts("uid", column(f"K{i:03}" for i in range(40))).columns == ()
    repeated = expand_texts("city", column(f"city{i % 120}" for i in range(400)))
    assert repeated.columns  # too many for categories, yet no identifiers


def test_a_table_of_all_is_read_again_for_new_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "uid": [f"K{i:03}" for i in range(60)],
            "day": DAYS.strftime("%d.%m.%Y"),
            "remark": [f"a word or two of row {i}" for i in range(60)],
            "v": np.arange(60) * 7 % 11,
            "kind": list("ab") * 30,
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    samples = loading.read(config(tmp_path / "t.csv"))
    notes = "\n".join(samples.notes)
    assert "column 'uid' is left out: texts such as 'K000' name a row each" in notes
    assert "inputs: 1 numeric columns" in notes
    assert samples.reader.table_columns == ("day", "remark", "v")  # type: ignore[attr-defined]
    frame.sample(frac=1, random_state=0).drop(columns=["uid", "kind"])[
        ["v", "remark", "day"]
    ].to_csv(tmp_path / "new.csv", index=False)
    new = read_inputs(str(tmp_path / "new.csv"), samples.reader)
    order = frame.sample(frac=1, random_state=0).index
    np.testing.assert_array_equal(new.rows[:], samples.inputs[:][order])
    # A run from before dates were expanded is read as it was then.
    old = samples.reader.model_copy(update={"raw_columns": True})
    with pytest.raises(DataError, match="columns can't be used as they are"):
        loading.read_again(config(tmp_path / "t.csv"), old)
