"""Readers: from `data.json` and back, old and damaged ones, and those of users' sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core import fields, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.images.reader import MAX_PIXELS, ImageReader
from mlzoo.data.inputs import read_inputs
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.reader import ArrayReader, Reader
from mlzoo.data.reader_record import parse_reader, reader_of
from mlzoo.data.record import write_reader
from mlzoo.data.sequences.reader import SequenceReader, SeriesReader
from mlzoo.data.tables.reader import Column, TableReader, TargetColumn
from mlzoo.data.text.reader import TextReader
from mlzoo.runs.opened import open_run
from tests.data.pictures import as_stored, config

ROOT = Path(__file__).parents[2]
ZOO = sorted((ROOT / "saved_models" / "zoo").glob("*/data.json"))
TABLE = {"kind": "table", "task": "classification", "columns": [], "target": {"column": "y"}}


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.parent.name)
def test_readers_of_published_runs_are_written_as_they_were(path: Path) -> None:
    record = json.loads(path.read_text("utf-8"))
    again = write_reader(reader_of(path, record))
    assert again == record["reader"]
    assert json.dumps(again, sort_keys=True).replace("255.0", "255") == json.dumps(
        record["reader"], sort_keys=True
    )


@pytest.mark.parametrize(
    ("data", "kind", "fields"),
    [
        ("digits", ImageReader, {}),
        ("wine", TableReader, {}),
        ("shapes", DenseReader, {}),
        ("flow-fields", DenseReader, {}),
        ("accelerometer", SequenceReader, {}),
        ("delayed-xor", SequenceReader, {}),
        ("mackey-glass", SeriesReader, {"window": 12}),
        ("moving-spots", ArrayReader, {}),
    ],
)
def test_every_kind_survives_json(data: str, kind: type[Reader], fields: dict[str, Any]) -> None:
    reader = loading.read(config(data, **fields)).reader
    assert type(reader) is kind
    assert type(as_stored(reader)) is kind


def test_what_a_text_is_read_with_survives_json(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("A quick brown fox.\n" * 30)
    reader = loading.read(config(path, source="text", window=9)).reader
    assert type(as_stored(reader)) is TextReader and as_stored(reader).window == 9


def test_windows_of_arrays_are_no_series(tmp_path: Path) -> None:
    x, y = np.zeros((20, 8, 2)), np.ones((20, 3, 1))
    np.savez(tmp_path / "d.npz", x=x + np.arange(20)[:, None, None] / 7, y=y)
    reader = loading.read(config(tmp_path / "d.npz")).reader
    assert type(as_stored(reader)) is SequenceReader
    assert (reader.horizon, reader.targets) == (3, ("target0",))


def test_keys_that_an_older_run_lacks_have_defaults() -> None:
    image = {"kind": "image", "size": [8, 9], "channels": 3, "dtype": "uint8", "maximum": 255}
    record = {"task": "classification", "kind": "image", "class_names": ["a", "b"]}
    reader = reader_of(Path("data.json"), {**record, "reader": image})
    assert isinstance(reader, ImageReader)
    assert (reader.task, reader.class_names) == ("classification", ("a", "b"))
    assert (reader.source, reader.images, reader.merged) == (None, None, {})
    assert (reader.max_pixels, reader.shape) == (MAX_PIXELS, (8, 9, 3))
    table = parse_reader(TABLE)
    assert isinstance(table, TableReader)
    assert (table.delimiter, table.header) == (None, "auto")
    assert table.target == TargetColumn("y")
    series = {"kind": "sequence", "channels": ["v"], "targets": ["v"], "window": 4, "horizon": 1}
    found = parse_reader({**series, "task": "forecasting"})
    assert isinstance(found, SeriesReader) and not found.reach_back
    assert (found.time, found.group, found.season, found.step) == (None, None, 1, None)


def test_keys_of_other_versions_are_ignored() -> None:
    assert parse_reader({**TABLE, "weather": {"sunny": True}}) == parse_reader(TABLE)


def test_a_step_keeps_its_type() -> None:
    series = {"kind": "sequence", "channels": ["v"], "targets": ["v"], "window": 4, "horizon": 1}
    for step in ("D", 1, 0.5, None):
        values = {**series, "task": "forecasting", "step": step}
        again = write_reader(parse_reader(values))["step"]
        assert again == step and type(again) is type(step)


@pytest.mark.parametrize(
    ("reader", "why"),
    [
        ([], "it is list, not names and values"),
        ("wine", "it is str, not names and values"),
        ({**TABLE, "kind": "film"}, "kind: 'film' is none of image, table, sequence, array"),
        ({**TABLE, "kind": ["table"]}, "kind: ['table'] is none of"),
        ({**TABLE, "task": "wine"}, "task: there is no task 'wine'"),
        ({**TABLE, "task": {}}, "task: there is no task {}"),
        ({**TABLE, "columns": 3}, "columns: Input should be a valid tuple"),
        ({**TABLE, "target": {}}, "target.column: Field required"),
        (
            {"kind": "image", "task": "segmentation", "channels": 1, "dtype": "uint8"},
            "masks are missing",
        ),
    ],
)
def test_a_damaged_reader_is_named(tmp_path: Path, reader: Any, why: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("model: mlp\ndata: wine\n")
    (folder / "model.keras").write_bytes(b"not read")
    record = {"task": "classification", "kind": "table", "class_names": ["a", "b"]}
    record |= {"input_shape": [0], "reader": reader, "fingerprint": ""}
    (folder / "data.json").write_text(json.dumps(record))
    run = open_run(folder)
    with pytest.raises(DataError) as caught:
        _ = run.reader
    text = str(caught.value)
    assert text.startswith(f"{folder / 'data.json'} is damaged: its reader can't be used (")
    assert why in text and text.endswith("restore it from a copy")


def test_a_reader_that_does_not_fit_the_task_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model: mlp\ndata: wine\n")
    (tmp_path / "model.keras").write_bytes(b"not read")
    record = {"task": "text", "kind": "table", "class_names": ["a", "b"], "input_shape": [0]}
    record |= {"reader": {**TABLE, "task": "classification"}, "fingerprint": ""}
    (tmp_path / "data.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="reader is of kind table, which the task text can't use"):
        open_run(tmp_path).write("abc")


# -- Users' sources


SOURCE = """
import numpy as np
from pydantic import BaseModel
from mlzoo.data.samples import Samples

class Config(BaseModel):
    data: str

def recognizes(path):
    return False

def load(config, progress=None):
    x = np.arange(24, dtype="float32").reshape(12, 2)
    return Samples(x, (np.arange(12) % 2).astype("int32"), "classification",
                   class_names=("a", "b"), reader=READER)
"""


def of_source(folder: Path, reader: str) -> RunConfig:
    file = folder / "mine.py"
    file.write_text(SOURCE.replace(", reader=READER", f", reader={reader}" if reader else ""))
    registry.trust(str(file))
    return config("anything", source=str(file))


def test_a_source_of_earlier_versions_gives_names_and_values(tmp_path: Path) -> None:
    settings = of_source(tmp_path, "{'kind': 'array', 'shape': [2], 'dtype': 'float32'}")
    reader = loading.read(settings).reader
    assert isinstance(reader, ArrayReader) and reader.shape == (2,)
    assert reader.class_names == ("a", "b")
    np.save(tmp_path / "new.npy", np.zeros((3, 2)))
    assert read_inputs(str(tmp_path / "new.npy"), as_stored(reader)).rows.shape == (3, 2)


def test_a_source_with_a_wrong_reader_is_named(tmp_path: Path) -> None:
    settings = of_source(tmp_path, "{'kind': 'array', 'shape': 'square'}")
    with pytest.raises(UsageError, match=r"mine\.py gives a reader that .*shape: Input should"):
        loading.read(settings)


def test_without_a_reader_new_files_are_refused(tmp_path: Path) -> None:
    settings = of_source(tmp_path, "")
    samples = loading.read(settings)
    reader = as_stored(samples.reader)
    assert type(reader) is Reader and reader.kind == "array"
    assert np.array_equal(loading.read_again(settings, reader).inputs, samples.inputs)
    np.save(tmp_path / "new.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match="can't be read from files; give an array"):
        read_inputs(str(tmp_path / "new.npy"), reader)


# -- Documentation


def kinds(base: type[Reader] = Reader) -> Iterator[type[Reader]]:
    yield base
    for each in base.__subclasses__():
        yield from kinds(each)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_every_field_is_documented_where_it_is_declared(kind: type[Reader]) -> None:
    path = ROOT / (kind.__module__.replace(".", "/") + ".py")
    own = fields.settings(path, kind.__name__)
    names = {setting.name for setting in own} - {"model_config"}
    assert names == set(kind.__annotations__)
    undocumented = [s.name for s in own if not s.help and s.name not in ("kind", "model_config")]
    assert undocumented == []


def test_columns_are_written_with_their_categories() -> None:
    reader = TableReader(columns=(Column("a"), Column("b", ("x", "y"))), target=TargetColumn("c"))
    assert write_reader(reader) == {
        "kind": "table",
        "columns": [{"name": "a", "categories": []}, {"name": "b", "categories": ["x", "y"]}],
        "target": {"column": "c", "comparison": "", "value": ""},
    }
