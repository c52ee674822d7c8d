from __future__ import annotations

import csv
import shlex
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs
from mlzoo.data.tables.labels import label
from mlzoo.data.tables.tables import find_delimiter, find_header, read_table
from tests.data.pictures import as_stored, config, shared

ROWS = [f"{i},{(i * 37) % 101},{'ab'[i % 2]}" for i in range(40)]


def written(folder: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def simple(folder: Path, header: str = "u,v,kind", rows: list[str] | None = None) -> Path:
    return written(folder, "\n".join([header, *(rows or ROWS)]) + "\n")


def read(path: object, **fields: object) -> object:
    return loading.read(config(path, **fields))


def test_wine_as_two_classes() -> None:
    samples = read(shared("tables/winequality-red.csv"), target="quality>=6")
    assert samples.inputs.shape == (1599, 11)
    assert samples.class_names == ("quality<6", "quality>=6")
    assert np.bincount(samples.targets).tolist() == [744, 855]
    assert samples.inputs[0].tolist() == pytest.approx(
        [7.4, 0.7, 0, 1.9, 0.076, 11, 34, 0.9978, 3.51, 0.56, 9.4]
    )
    assert [c.name for c in samples.columns][:2] == ["fixed acidity", "volatile acidity"]


def test_wine_without_target_takes_the_last_column_and_says_so() -> None:
    samples = read(shared("tables/winequality-red.csv"))
    assert samples.class_names == ("3", "4", "5", "6", "7", "8")
    assert np.bincount(samples.targets).tolist() == [10, 53, 681, 638, 199, 18]
    notes = "\n".join(samples.notes)
    assert "'quality', the last column (--target)" in notes
    assert "classification (--task)" in notes


def test_wine_as_regression() -> None:
    samples = read(shared("tables/winequality-red.csv"), target="quality", task="regression")
    assert samples.targets.dtype == np.float32
    assert samples.targets.mean() == pytest.approx(5.6360, abs=1e-4)


@pytest.mark.parametrize(
    ("expression", "names", "positives"),
    [
        ("v>50", ("v<=50", "v>50"), 50),
        ("v >= 50", ("v<50", "v>=50"), 51),
        ("v<50", ("v>=50", "v<50"), 50),
        ("v<=50", ("v>50", "v<=50"), 51),
        ("v==50", ("v!=50", "v==50"), 1),
        ("kind==b", ("kind!=b", "kind==b"), 50),
    ],
)
def test_comparisons_make_two_classes(
    tmp_path: Path, expression: str, names: tuple[str, str], positives: int
) -> None:
    rows = [f"{i % 7},{i},{'ab'[i % 2]}" for i in range(101)]
    samples = read(simple(tmp_path, rows=rows), target=expression)
    assert samples.class_names == names
    assert int(samples.targets.sum()) == positives


@pytest.mark.parametrize(
    ("delimiter", "name"), [(",", "t.csv"), (";", "t.csv"), ("\t", "t.tsv"), ("|", "t.txt")]
)
def test_delimiters_are_recognised(tmp_path: Path, delimiter: str, name: str) -> None:
    text = "\n".join(["u,v,kind", *ROWS]).replace(",", delimiter)
    samples = read(written(tmp_path, text, name))
    assert samples.inputs.shape == (40, 2)
    assert samples.class_names == ("a", "b")


def test_delimiter_of_numbers_with_decimal_commas_is_the_semicolon() -> None:
    assert find_delimiter(["a;b;c", "1,5;2;3,25", "1;2,5;3"]) == ";"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "utf-8"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "\r\n".join(["größe,v,kind", *ROWS])
    samples = read(written(tmp_path, text, encoding=encoding))
    assert [c.name for c in samples.columns] == ["größe", "v"]


def test_a_table_without_header_keeps_its_first_row(tmp_path: Path) -> None:
    samples = read(written(tmp_path, "\n".join(ROWS)))
    assert len(samples) == 40
    assert [c.name for c in samples.columns] == ["column1", "column2"]
    assert any("header: none" in note and "header=" in note for note in samples.notes)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["39, State-gov, 77516, <=50K", "50, Private, ?, >50K"], "number '39' where numbers"),
        (["A11 6 A34 A34 1", "A12 48 A34 A33 2"], "number '6'"),
        (["2020-01-01,a,b,x", "2020-01-02,c,d,y"], "date '2020-01-01' where dates"),
        (["n.a.,5,a", "3,6,b", "4,7,a"], "'a' in its first row is one of the last column's"),
        (["1,2,3,4,yes", "5,1,2,7,no", "3,3,1,2,yes"], "'yes' in its first row is one of the last"),
        (["p,x,s,x,e", "e,x,y,z,p"], "'x' more than once"),
        (["sunny,hot,high,no", "rain,mild,low,no", "rain,cool,mid,yes"], "'no' in its first row"),
        (["a,b,new", "a,b,old", "b,a,older"], "most cells"),
        ([",y,n,y,d", "n,n,,y,r"], "'y' more than once"),
    ],
)
def test_a_first_row_of_values_is_no_header(tmp_path: Path, lines: list[str], why: str) -> None:
    lines = lines + 2 * lines[1:]
    found = read_table(written(tmp_path, "\n".join(lines)))
    assert len(found) == len(lines)
    assert list(found.columns)[0] == "column1"
    assert any(why in note and "--source-set header=yes" in note for note in found.notes)


def test_a_value_that_is_named_as_the_target_is_no_header(tmp_path: Path) -> None:
    lines = ["44, Private, 1663, >50K", *["50, Private, 21, <=50K", "39, Public, 9, >50K"] * 3]
    path = written(tmp_path, "\n".join(lines))
    assert list(read_table(path, expected=(">50K",)).columns)[-1] == "column4"
    with pytest.raises(DataError, match="no column '>50K'.*header: none, since.*header=yes"):
        read(path, target=">50K")
    assert list(read_table(path, header="yes", expected=(">50K",)).columns)[-1] == ">50K"
    named = written(tmp_path, "age,fare,survived\n22,7.25,survived\n38,71.3,died\n")
    assert list(read_table(named, expected=("survived",)).columns)[-1] == "survived"


@pytest.mark.parametrize(
    "lines",
    [
        ["age,fare,survived", "22,7.25,survived", "38,71.3,died"],  # a value of its own
        ["name,kind", "anna,tall", "bert,small"],
        ["Country,1990,1991,1992,1993", "Chad,3,4,5,7.2", "Mali,3,4,4,1"],
        ["Country,2019,2021", "Chad,3,4.5", "Mali,3,4"],
        ["label,0,1,2,3,4", "5,0,0,3,4,1", "3,3,4,5,1,2"],
        ["0,1,2,3,4", "1.5,2.5,1,2,9", "3,3,4,5,1"],
        [",a,b", "0,1,x", "1,2,y"],
        ["a b c", "r1 1 2 3", "r2 3 4 5"],
        ["größe;v", "1,5;2,5", "3,2;1"],
        ["2020-01-01,2020-01-02,2020-01-03", "1,2,3", "4,5,6"],
    ],
)
def test_real_headers_stay(tmp_path: Path, lines: list[str]) -> None:
    assert len(read_table(written(tmp_path, "\n".join(lines)))) == len(lines) - 1


def test_every_shared_table_has_a_header_and_none_without_its_first_line() -> None:
    files = sorted([*Path(shared("tables")).glob("*.csv"), *Path(shared("series")).glob("*.csv")])
    for path in files:
        lines = path.read_text().splitlines()[:202]
        delimiter = find_delimiter(lines[:50])
        rows = list(csv.reader(lines, delimiter=delimiter))
        assert find_header(rows) == (True, ""), path
        assert not find_header(rows[1:])[0], path


def test_names_that_are_expected_decide(tmp_path: Path) -> None:
    path = written(tmp_path, "a,a,kind\nx,a,sort\ny,b,other\n")
    assert len(read_table(path)) == 3
    assert len(read_table(path, expected=["b"])) == 3
    with pytest.raises(DataError, match="more than one column called 'a'.*--source-set header=no"):
        read_table(path, expected=["kind"])
    path = written(tmp_path, "a,a,kind\nx,a,kind\ny,b,other\n")
    assert len(read_table(path, expected=["kind"])) == 3, "kind is one of the column's own values"


def test_a_cell_that_never_ends_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "\n".join(["u,v,kind", *ROWS, f"1,2,{'z' * 131_073}"]))
    with pytest.raises(
        DataError, match="line 42: a cell has more than 131,072 characters, .*quote"
    ):
        read_table(path)
    wide = ",".join(["1.25"] * 40_000)
    names = ",".join(f"c{i}" for i in range(40_000))
    assert find_delimiter([names, wide]) == ","  # one long cell to other delimiters


def test_quoted_cells_keep_delimiters_and_line_breaks(tmp_path: Path) -> None:
    rows = [
        f'{i},"x, y",{"ab"[i % 2]}' if i % 3 else f'{i},"p\nq",{"ab"[i % 2]}' for i in range(30)
    ]
    samples = read(simple(tmp_path, rows=rows))
    assert samples.columns[1].categories == ("p\nq", "x, y")


def test_missing_values_are_counted_and_stay_nan(tmp_path: Path) -> None:
    rows = list(ROWS)
    rows[3], rows[7], rows[8] = "3,,a", "NA,5,b", "?,null,a"
    samples = read(simple(tmp_path, rows=rows))
    assert np.argwhere(np.isnan(samples.inputs)).tolist() == [[3, 1], [7, 0], [8, 0], [8, 1]]
    note = next(n for n in samples.notes if n.startswith("missing"))
    assert "4 in 3 of 40 rows (u 2, v 2)" in note


def test_text_in_a_number_column_is_named(tmp_path: Path) -> None:
    rows = list(ROWS)
    rows[30] = "30,12o,a"
    with pytest.raises(DataError, match=r"'v', row 31 \(line 32\): '12o' stands among numbers"):
        read(simple(tmp_path, rows=rows))


def test_line_numbers_count_blank_lines(tmp_path: Path) -> None:
    rows = [*ROWS[:10], "", "", *ROWS[10:30], "30,x,a", *ROWS[31:]]
    with pytest.raises(DataError, match=r"row 31 \(line 34\)"):
        read(simple(tmp_path, rows=rows))


def test_infinite_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'v', row 1 \(line 2\): inf is no finite number"):
        read(simple(tmp_path, rows=["0,inf,a", *ROWS[1:]]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="1e39 is too large for a float32 number"):
            read(simple(tmp_path, rows=["1,1e39,a", *ROWS]))


def test_missing_target_lists_columns_and_the_closest(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no column 'knd' to predict \(did you mean 'kind'\?\); th"
    ):
        read(simple(tmp_path), target="knd")


def test_rows_without_target_are_left_out_and_the_others_keep_their_number(tmp_path: Path) -> None:
    rows = list(ROWS)
    rows[0] = "0,0,"
    samples = read(simple(tmp_path, rows=rows))
    assert len(samples) == 39
    assert samples.names[0] == "row 2"
    assert any("rows left out: 1 of 40" in note for note in samples.notes)


def test_constant_duplicated_and_counting_columns_are_warned_about(tmp_path: Path) -> None:
    rows = [f"{i},{i * i % 17},{i * i % 17},5,{'ab'[i % 2]}" for i in range(40)]
    samples = read(simple(tmp_path, "id,v,w,c,kind", rows))
    text = "\n".join(samples.warnings)
    assert "column 'id' counts the rows, as an identifier does; --drop id" in text
    assert "columns 'v' and 'w' are the same" in text
    assert "column 'c' is constant" in text
    assert len(samples.warnings) == 3
    notes = "\n".join(samples.notes)
    assert "columns that warnings name can be left out with --drop id,w,c" in notes


@pytest.mark.parametrize(
    ("name", "warned"),
    [("Customer ID", True), ("customerId", True), ("ORDER-ID", True), ("Id", True), ("ID", True)]
    + [("userID", True), ("paid", False), ("VALID", False), ("year", False)],
)
def test_a_number_in_every_row_is_an_identifier_by_its_name(
    tmp_path: Path, name: str, warned: bool
) -> None:
    rows = [f"{10_000 + 3 * i},{i % 5},{'ab'[i % 2]}" for i in range(40)]
    warnings = "\n".join(read(simple(tmp_path, f"{name},v,kind", rows)).warnings)
    assert (f"column {name!r} has another number in every row" in warnings) == warned


@pytest.mark.parametrize(
    ("cell", "advice"),
    [("2024-01-{:02d}", "dates"), ("sample_{:03d}", "identifiers"), ("{},5", "decimal comma")],
)
def test_text_with_too_many_values_is_refused_by_name(
    tmp_path: Path, cell: str, advice: str
) -> None:
    rows = [f'{i},"{cell.format(i + 1)}",{"ab"[i % 2]}' for i in range(28)]
    with pytest.raises(DataError, match=f"(?s)'v' has 28 different.*{advice}.*--drop v,u"):
        read(simple(tmp_path, rows=rows), raw_columns=True)


def test_decimal_commas_are_read_where_columns_are_divided_otherwise(tmp_path: Path) -> None:
    lines = [f"{i};{i},{i % 7}5;1,{i:03};{'ab'[i % 2]}" for i in range(100, 140)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a;b;c;kind", *lines]))
    samples = read(path)
    np.testing.assert_allclose(samples.inputs[0], [100, 100.25, 1.1])
    assert "decimal commas: in the columns b, c" in samples.notes
    read_back = read_inputs(str(path), as_stored(samples.reader))
    np.testing.assert_array_equal(read_back.rows, samples.inputs)
    path.write_text("\n".join(["a;c;kind", *(f"{i};1,{i:03};{'ab'[i % 2]}" for i in range(40))]))
    with pytest.raises(DataError, match="decimal comma"):
        read(path, raw_columns=True)


def test_all_problems_come_with_the_one_option(tmp_path: Path) -> None:
    rows = [
        f"{i},2020-{1 + i // 28:02}-{1 + i % 28:02},a word or two of row {i},K{i:03},{i % 5},"
        f"{'12o' if i == 7 else i},{'ab'[i % 2]}"
        for i in range(60)
    ]
    path = simple(tmp_path, "id,date,free text,code,size,count,kind", rows)
    with pytest.raises(DataError) as error:
        read(path, drop=["size"], raw_columns=True)
    text = str(error.value)
    for name in ("'date' has 60", "'free text' has 60", "'code' has 60", "'id' counts the rows"):
        assert f"column {name}" in text
    assert "column 'count', row 8 (line 9): '12o' stands among numbers" in text
    assert "look like dates" in text and "like free text" in text and "names or identif" in text
    flag = "--drop 'size,date,free text,code,count,id'"
    forecast = "--source series --drop 'size,free text,code,count,id'"
    last = f"leave them all out with {flag}, or forecast from the dates with {forecast}"
    assert text.splitlines()[-1] == last
    left = read(path, drop=["size", "date", "free text", "code", "count"])
    assert [column.name for column in left.columns] == ["id"]


def test_the_option_takes_names_with_commas(tmp_path: Path) -> None:
    frame = pd.DataFrame({"amount, eur": [f"x{i} y" for i in range(60)], "b": range(60)})
    frame["free"] = [f"a word or two of {i}" for i in range(60)]
    frame.assign(v=np.arange(60) % 7, kind=list("ab") * 30).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError) as error:
        read(tmp_path / "t.csv", raw_columns=True)
    option = shlex.split(str(error.value).splitlines()[-1].split(" with ")[1])
    assert option == ["--drop", '"amount, eur",free,b']
    config = RunConfig(model="linear", data="d", drop=option[1])
    assert config.drop == ["amount, eur", "free", "b"]
    assert [c.name for c in read(tmp_path / "t.csv", drop=config.drop).columns] == ["v"]


def test_dates_that_are_read_as_something_else_are_told(tmp_path: Path) -> None:
    days = pd.Series(pd.date_range("2005-01-28", periods=60).repeat(4)[np.arange(240) * 7 % 240])
    frame = pd.DataFrame({"signup": days.dt.strftime("%Y-%m-%d"), "kind": list("ab") * 120})
    frame.insert(1, "compact", days.dt.strftime("%Y%m%d").astype(int))
    frame.insert(1, "v", np.arange(240) % 7)
    frame.to_csv(tmp_path / "t.csv", index=False)
    told = "\n".join(read(tmp_path / "t.csv", raw_columns=True).warnings)
    assert "'signup' holds dates, which are read as categories without an order" in told
    assert "'compact' holds dates, which are read as numbers; --drop compact" in told


def test_numbers_that_tell_rows_apart_are_identifiers(tmp_path: Path) -> None:
    rows = [f"{15600000 + 7 * i},{i * i},{'ab'[i % 2]}" for i in range(40)]
    samples = read(simple(tmp_path, "CustomerId,size,kind", rows))
    assert samples.warnings == (
        "column 'CustomerId' has another number in every row, as an identifier does; "
        "--drop CustomerId",
    )


def test_rows_that_follow_in_time_are_offered_as_a_series(tmp_path: Path) -> None:
    def warned(**columns: object) -> bool:
        rows = pd.DataFrame({**columns, "v": np.arange(40) * 37 % 11, "kind": list("ab") * 20})
        rows.to_csv(tmp_path / "t.csv", index=False)
        drop = ["Date"] if "Date" in columns else []
        found = [w for w in read(tmp_path / "t.csv", drop=drop).warnings if "in time" in w]
        assert all("--source series" in w and "random split" in w for w in found)
        return bool(found)

    days = pd.date_range("2020-01-01", periods=40)
    assert warned(Date=days.strftime("%d.%m.%Y"))
    assert warned(Date=days[::-1].strftime("%d.%m.%Y"))
    assert warned(year=days.year, month=days.month, day=days.day)
    assert warned(time=np.arange(40) * 0.5)
    # Years of cars and of rows in no order are facts, not times.
    assert not warned(year=1990 + np.arange(40) % 20)
    assert not warned(Date=np.repeat(["2020-01-03", "2020-01-01", "2020-01-02", "2020-01-01"], 10))
    assert not warned(month=np.arange(40) % 12 + 1, day=np.arange(40) % 28 + 1)


def test_drop_and_group_by_columns_are_no_inputs(tmp_path: Path) -> None:
    rows = [f"{i},{i * 7 % 5},{i // 4},{'ab'[i % 2]}" for i in range(40)]
    samples = read(simple(tmp_path, "id,v,person,kind", rows), drop=["id"], group_by="person")
    assert [c.name for c in samples.columns] == ["v"]
    assert len(np.unique(samples.groups)) == 10
    with pytest.raises(DataError, match=r"--drop: unknown column 'idd' \(did you mean 'id'\?\)"):
        read(simple(tmp_path, "id,v,person,kind", rows), drop=["idd"])


def test_ragged_rows_name_the_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="3 columns, but line 5 has 2"):
        read(simple(tmp_path, rows=[*ROWS[:3], "1,2", *ROWS[3:]]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("u,v,kind\n", "has a header but no rows"),
        ("u,u,kind\n1,2,a\n3,4,b\n", "more than one column called 'u'"),
        ("kind\na\nb\n", "no column is left"),
        ("u,kind\n" + "1,a\n" * 20, "one class only"),
        ("a\0b", "not a text file"),
    ],
)
def test_hopeless_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(written(tmp_path, text))


def test_parquet_reads_as_the_same_csv(tmp_path: Path) -> None:
    csv = simple(tmp_path)
    frame = pd.read_csv(csv)
    frame.to_parquet(tmp_path / "t.parquet")
    one, other = read(csv), read(tmp_path / "t.parquet")
    assert np.array_equal(one.inputs, other.inputs)
    assert np.array_equal(one.targets, other.targets)
    assert one.hashes.tolist() == other.hashes.tolist()


def test_regression_on_text_and_comparison_as_regression_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds text such as 'a'"):
        read(simple(tmp_path), task="regression")
    with pytest.raises(DataError, match="makes two classes"):
        read(simple(tmp_path), target="v>3", task="regression")


def test_settings_of_the_source_override_what_is_recognised(tmp_path: Path) -> None:
    path = written(tmp_path, "1;2,a\n3;4,b\n" * 10)
    table = read_table(path, ";", "yes")
    assert list(table.columns) == ["1", "2,a"]
    samples = read(path, source_set={"delimiter": "comma", "header": False}, task="classification")
    assert samples.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (np.arange(200) % 6, "classification"),
        (np.arange(200.0) % 6, "classification"),
        (np.arange(200.0) % 21, "regression"),
        (np.linspace(0, 1, 200), "regression"),
        (np.arange(200), "regression"),
        (np.array(["a", "b"] * 100), "classification"),
        (np.eye(5)[np.arange(200) % 5], "classification"),
        (np.random.default_rng(0).normal(size=(200, 2)), "regression"),
    ],
)
def test_task_is_inferred_from_the_target(values: np.ndarray, task: str) -> None:
    assert label(values, None).task == task


def test_words_in_a_text_file_may_be_a_text(tmp_path: Path) -> None:
    path = tmp_path / "poem.txt"
    path.write_text("the cat, it sat\nthe dog, it ran\nthe cow, it ate\n" * 30)
    assert any(note.endswith("--source text") for note in loading.read(config(path)).notes)
