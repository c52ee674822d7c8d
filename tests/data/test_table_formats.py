from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import ipc

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.loading import recognize
from mlzoo.data.tables.formats import split_query
from mlzoo.runs.config_loading import merge
from tests.data.pictures import as_stored, config

EXAMPLE = (
    "<?xml version='1.0'?><worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/"
    "main'><sheetData>{rows}</sheetData></worksheet>"
)


def frame() -> pd.DataFrame:
    """30 rows of numbers, text and classes; one number and one text are missing."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=30), "n": np.arange(30) % 4, "t": list("uvw") * 10})
    table.loc[3, "a"], table.loc[4, "t"] = np.nan, None
    return table.assign(y=["yes", "no"] * 15)


def spreadsheet(path: Path, sheets: dict[str, list[list[Any]]]) -> None:
    """Write the few parts of an .xlsx file that a reader needs."""
    import zipfile

    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    names = "".join(
        f"<sheet name='{name}' sheetId='{i}' r:id='r{i}'/>" for i, name in enumerate(sheets, 1)
    )
    links = "".join(
        f"<Relationship Id='r{i}' Type='{relation}/worksheet' Target='worksheets/s{i}.xml'/>"
        for i in range(1, len(sheets) + 1)
    )
    parts = "".join(
        f"<Override PartName='/xl/worksheets/s{i}.xml' ContentType='{kind}.worksheet+xml'/>"
        for i in range(1, len(sheets) + 1)
    )
    content = {
        "[Content_Types].xml": f"<Types xmlns='{package}/content-types'><Default Extension='rels' "
        "ContentType='application/vnd.openxmlformats-package.relationships+xml'/><Override "
        f"PartName='/xl/workbook.xml' ContentType='{kind}.sheet.main+xml'/>{parts}</Types>",
        "_rels/.rels": f"<Relationships xmlns='{package}/relationships'><Relationship Id='r1' "
        f"Type='{relation}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
        "xl/workbook.xml": "<workbook xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/"
        f"main' xmlns:r='{relation}'><sheets>{names}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships xmlns='{package}/relationships'>{links}"
        "</Relationships>",
    }
    for i, rows in enumerate(sheets.values(), 1):
        cells = ["".join(map(_cell, row)) for row in rows]
        text = "".join(f"<row r='{n}'>{each}</row>" for n, each in enumerate(cells, 1))
        content[f"xl/worksheets/s{i}.xml"] = EXAMPLE.format(rows=text)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "<c/>"
    if isinstance(value, str):
        return f"<c t='inlineStr'><is><t>{value}</t></is></c>"
    return f"<c><v>{value!r}</v></c>"


def write(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as the path's name says."""
    name, text = path.name, table.to_csv(index=False)
    lines = table.to_json(orient="records", lines=True, double_precision=15)
    arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress((lines if "json" in name else text).encode()))
    elif name.endswith(".zst"):
        path.write_bytes(pyarrow.compress(text.encode(), "zstd", asbytes=True))
    elif name.endswith("jsonl"):
        path.write_text(lines)
    elif name.endswith(".feather"):
        table.to_feather(path)
    elif name.endswith(".arrow"):
        with ipc.new_stream(str(path), arrow.schema) as stream:
            stream.write_table(arrow)
    elif name.endswith(".xlsx"):
        rows = [list(table.columns), *table.astype(object).to_numpy().tolist()]
        spreadsheet(path, {"data": rows})
    elif name.endswith(".arff"):
        kinds = {"a": "numeric", "n": "numeric", "t": "{u,v,w}", "y": "{yes,no}"}
        head = "".join(f"@attribute {name} {kinds[name]}\n" for name in table)
        path.write_text(f"@relation r\n{head}@data\n" + table.to_csv(
            index=False, header=False, na_rep="?"
        ))  # fmt: skip
    else:
        with sqlite3.connect(path) as connection:
            table.to_sql("measured", connection, index=False)
        connection.close()
    return path


@pytest.mark.parametrize(
    "name",
    ["t.csv.gz", "t.tsv.zst", "t.jsonl", "t.jsonl.gz", "t.feather", "t.arrow", "t.XLSX", "t.arff",
     "t.db", "t.sqlite"],
)  # fmt: skip
def test_one_table_in_every_format(tmp_path: Path, name: str) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False)
    wanted = loading.read(config(tmp_path / "t.csv"))
    path = write(tmp_path / name.lower(), frame()).rename(tmp_path / name)
    assert recognize(str(path)) == "table"
    samples = loading.read(config(path))
    assert np.allclose(samples.inputs[:], wanted.inputs[:], equal_nan=True, rtol=1e-6)
    assert samples.columns == wanted.columns
    assert samples.class_names == ("no", "yes")
    assert samples.targets.tolist() == wanted.targets.tolist()
    reader = as_stored(samples.reader)
    new = write(tmp_path / f"new{name.lower()}", frame().head(8))
    assert np.allclose(read_inputs(str(new), reader).rows, samples.inputs[:8], equal_nan=True)
    assert read_labelled(str(new), reader).targets.tolist() == [1, 0] * 4


def test_a_cell_in_a_far_corner_is_refused_before_room_is_made(tmp_path: Path) -> None:
    import zipfile

    path, far = tmp_path / "book.xlsx", tmp_path / "far.xlsx"
    spreadsheet(path, {"data": [["a", "y"], [1, 2]]})
    with zipfile.ZipFile(path) as book, zipfile.ZipFile(far, "w") as written:
        for name in book.namelist():
            cell = b"<row><c s='0' r='XFD1048576'><v>1</v></c></row></sheetData>"
            written.writestr(name, book.read(name).replace(b"</sheetData>", cell))
    with pytest.raises(DataError, match="reaches row 1,048,576 and column 16,384; room for"):
        loading.read(config(far))


@pytest.mark.parametrize("offset", [6, 30 + len("xl/worksheets/sheet1.xml")])
def test_an_encrypted_or_damaged_spreadsheet_is_named(tmp_path: Path, offset: int) -> None:
    import zipfile

    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", '<c r="A1"/>' * 1000)
    content = bytearray(path.read_bytes())
    content[offset : offset + 2] = b"\x01\x00" if offset == 6 else b"\xff\xff"
    if offset == 6:
        content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="book.xlsx"):
        loading.read(config(path))


def test_sheets(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    rows = [[None, None, None], [None, "a", "y"], *([None, n / 2, "uv"[n % 2]] for n in range(8))]
    spreadsheet(path, {"notes": [["see", "next"], ["the", "page"]], "data": rows, "none": []})
    samples = loading.read(config(path, source_set={"sheet": "data"}))
    assert [column.name for column in samples.columns] == ["a"]
    assert samples.inputs[:, 0].tolist() == [n / 2 for n in range(8)]
    assert read_inputs(str(path), as_stored(samples.reader)).rows.shape == (8, 1)
    with pytest.raises(DataError, match="has no sheet 'dat' .did you mean 'data'"):
        loading.read(config(path, source_set={"sheet": "dat"}))
    with pytest.raises(DataError, match="sheet 'none' is empty"):
        loading.read(config(path, source_set={"sheet": "none"}))
    with pytest.raises(DataError, match="no column 'y' to predict.*see, next"):
        loading.read(config(path, target="y"))


def test_settings_of_other_formats_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", frame())
    for setting in ("sheet", "query"):
        with pytest.raises(UsageError, match=f"--source-set {setting}: .*t.jsonl is no "):
            loading.read(config(path, source_set={setting: "x"}))


def test_queries(tmp_path: Path) -> None:
    path = write(tmp_path / "lab.db", frame())
    with sqlite3.connect(path) as connection:
        frame().to_sql("other", connection, index=False)
    connection.close()
    with pytest.raises(DataError, match=r'holds 2 tables \("measured", "other"\); select rows'):
        loading.read(config(path))
    query = "SELECT a + 1 AS b, y FROM measured WHERE a IS NOT NULL"
    merged = merge({"model": "mlp", "data": f"sqlite:///{path}?query={query}"})
    assert merged.config.data == str(path)
    samples = loading.read(merged.config)
    assert [column.name for column in samples.columns] == ["b"]
    assert np.allclose(samples.inputs[:, 0], frame()["a"].dropna() + 1)
    assert read_inputs(str(path), as_stored(samples.reader)).rows.shape == (29, 1)
    before = path.read_bytes()
    for wrong in ("DROP TABLE other", "DELETE FROM other", "PRAGMA user_version = 3",
                  f"ATTACH '{tmp_path}/x.db' AS x", "SELECT nothing FROM other",
                  "SELECT load_extension('x')", "SELECT 1; SELECT 2"):  # fmt: skip
        with pytest.raises(DataError, match=r"lab.db: the query .* fails"):
            loading.read(config(path, source_set={"query": wrong}))
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["lab.db"]
    assert split_query("sqlite:////data/a.db?query=SELECT '%a?b'") == (
        "/data/a.db", "SELECT '%a?b'",
    )  # fmt: skip
    assert split_query("sqlite:///a.db") == ("a.db", None)
    assert split_query("a.csv") == ("a.csv", None)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.csv.gz", b"no archive", "can't be unpacked as gzip"),
        ("a.csv.gz", gzip.compress(b"a,y\n" * 500, mtime=0)[:-9], "can't be unpacked as gzip"),
        ("a.csv.zst", b"no archive", "can't be unpacked as zstd"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "line 2: it is not valid JSON"),
        ("a.jsonl", b"[1, 2]\n", r"line 1: got \[1, 2\], not names and values"),
        ("a.jsonl", b"\n", "has no rows"),
        ("a.feather", b"ARROW1 or not", "can't be read as Arrow"),
        ("a.arrow", b"", "can't be read as Arrow"),
        ("a.parquet", b"PAR1", "can't be read as parquet"),
        ("a.xlsx", b"PK", "can't be read as a spreadsheet"),
        ("a.arff", b"@relation r\n@attribute s string\n@data\nx\n", "can't be read as ARFF"),
        ("a.db", b"no database" * 99, "can't be read as an SQLite database"),
        ("a.db", b"", "holds 0 tables"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=text):
        loading.read(config(path))


def test_more_than_memory_holds_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlzoo.data.tables import file_bytes

    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"0," * 2**20, mtime=0))
    memory = type("Memory", (), {"available": 2**20})
    monkeypatch.setattr(file_bytes.psutil, "virtual_memory", lambda: memory)
    with pytest.raises(DataError, match="unpacks to more than 0.0 GiB, half of the memory"):
        loading.read(config(path))


def test_a_series_may_be_compressed(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=60)
    table = pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "v": np.sin(np.arange(60.0))})
    path = write(tmp_path / "s.csv.gz", table)
    assert loading.read(config(path, source="series", window=8)).task == "forecasting"
