"""Tables that stay on disk: the same values, splits and scaling as in memory."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.progress import Listener
from mlzoo.data import loading
from mlzoo.data.large_tables import converting, files, rows
from mlzoo.data.large_tables.chunks import table_chunks
from mlzoo.data.large_tables.files import FileColumns
from mlzoo.data.large_tables.rows import RowNames, TableRows
from mlzoo.data.record import split_record
from mlzoo.data.tables.columns import numbers
from mlzoo.data.tables.reader import Column, TableReader
from mlzoo.data.tables.tables import read_table
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge
from mlzoo.training.loop import batches, bucketing
from mlzoo.training.train import resume, train_merged
from tests.training.made import LEAN

ROWS = 400


def write_table(path: Path, classes: bool = False) -> Path:
    """Numbers with gaps, categories, dates, texts, two equal rows, and a target with gaps."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=ROWS),
            "whole": rng.integers(0, 50, ROWS),
            "kind": rng.choice(["red", "green", "blue"], ROWS).astype(object),
            "true": rng.random(ROWS) < 0.5,
            "day": pd.date_range("2020-01-01", periods=ROWS)[rng.permutation(ROWS)].astype(str),
            "text": [f"a {w} of some kind {i}" for i, w in enumerate(rng.integers(0, 9, ROWS))],
            "weight": rng.integers(0, 3, ROWS),
            "y": rng.normal(size=ROWS),
        }
    )
    frame.loc[::7, "a"] = np.nan
    frame.loc[::11, "kind"] = None
    frame.loc[20:29] = frame.loc[10:19].to_numpy()
    frame["whole"], frame["weight"] = frame["whole"].astype(int), frame["weight"].astype(float)
    frame["true"], frame["y"] = frame["true"].astype(bool), frame["y"].astype(float)
    frame["a"] = frame["a"].astype(float)
    frame.loc[3, "y"] = np.nan
    if classes:
        frame["y"] = np.where(frame["whole"] < 20, "low", "high")
    if path.suffix == ".parquet":
        frame.to_parquet(path, row_group_size=90)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def arranged(path, **fields):
    config = RunConfig(model="mlp", data=str(path), target="y", **fields)
    return datasets.arrange(loading.read(config), config, 3), config


def both(path, monkeypatch, **fields):
    """The data in memory, and on disk with small windows of reading."""
    first, _ = arranged(path, **fields)
    monkeypatch.setattr(files, "LARGE_BYTES", 0)
    monkeypatch.setattr(rows, "BATCH", 64)
    monkeypatch.setattr(rows, "_RESIDENT", 100)
    second, config = arranged(path, **fields)
    assert isinstance(first.samples.inputs, np.ndarray)
    assert isinstance(second.samples.inputs, TableRows)
    return first, second, config


@pytest.mark.parametrize(
    ("ending", "classes", "fields"),
    [
        ("parquet", False, {}),
        ("parquet", False, {"weight_column": "weight", "group_by": "kind"}),
        ("parquet", True, {"limit": 150, "drop": ["text"]}),
        ("csv", False, {"group_by": "kind"}),
        ("tsv", True, {}),
    ],
)
def test_values_splits_and_scaling_are_those_in_memory(
    tmp_path, monkeypatch, ending, classes, fields
):
    path = write_table(tmp_path / f"t.{ending}", classes)
    first, second, _ = both(path, monkeypatch, **fields)
    for name, part in first.parts().items():
        other = second.parts()[name]
        assert np.array_equal(part.indices, other.indices), name
        np.testing.assert_array_equal(part.inputs(), other.inputs())
        np.testing.assert_array_equal(part.targets, other.targets)
        assert part.names() == other.names()
    assert first.inputs == second.inputs and first.outputs == second.outputs
    assert first.fingerprint == second.fingerprint
    assert first.samples.reader == second.samples.reader
    assert first.warnings == second.warnings
    notes = [note for note in second.notes if not note.startswith("rows: ")]
    assert notes == list(first.notes) and len(notes) + 1 == len(second.notes)


def test_rows_of_few_values_are_split_as_in_memory(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 3, (300, 3)), columns=["a", "b", "y"])
    frame["y"] = rng.normal(size=300)
    frame.to_parquet(tmp_path / "few.parquet")
    first, second, _ = both(tmp_path / "few.parquet", monkeypatch)
    assert sorted(second.train.indices.tolist()) == second.train.indices.tolist()
    assert np.array_equal(first.train.indices, second.train.indices)


def test_an_epoch_is_that_in_memory_and_shuffled_in_windows_where_it_is_larger(
    tmp_path, monkeypatch
):
    path = write_table(tmp_path / "t.parquet")
    first, second, config = both(path, monkeypatch)
    fed = [batches.build_batches(config, data, 3) for data in (first, second)]
    for one, other in zip(fed[0].epoch(1), fed[1].epoch(1), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
    width = second.samples.inputs.shape[1]
    monkeypatch.setattr(batches, "WINDOW_BYTES", 4 * width * 64)
    monkeypatch.setattr(bucketing, "BLOCK_SAMPLES", 16)
    order = fed[1].feed.order(1)
    blocks = [{*(order[at : at + 64] // 16)} for at in (0, 64)]
    assert sorted(order) == list(range(len(second.train)))
    assert len(blocks[0] | blocks[1]) <= 9 and len(blocks[0] & blocks[1]) <= 1
    assert not np.array_equal(order[:16] // 16, np.sort(order[:16] // 16))
    assert not np.array_equal(order, fed[1].feed.order(2))
    rest = [inputs for inputs, *_ in fed[1].epoch(1, first_step=2)]
    whole = [inputs for inputs, *_ in fed[1].epoch(1)]
    np.testing.assert_array_equal(np.concatenate(rest), np.concatenate(whole[2:]))


def test_the_record_of_a_split_names_no_row(tmp_path, monkeypatch):
    _, data, config = both(write_table(tmp_path / "t.parquet"), monkeypatch)
    parts = split_record(data, config)["parts"]
    assert set(parts["train"]) == {"samples", "indices_sha256"}
    assert parts["train"]["samples"] == len(data.train)


def test_columns_are_read_from_the_file_when_they_are_asked_for(tmp_path):
    pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "x"]}).to_parquet(tmp_path / "t.parquet")
    columns = FileColumns(tmp_path / "t.parquet", ("a", "b")).only(np.array([True, False, True]))
    assert columns["a"].tolist() == [1.0, 3.0] and columns["b"].tolist() == ["x", "x"]
    assert "c" not in columns and list(columns) == ["a", "b"]
    (tmp_path / "t.parquet").unlink()
    assert columns["b"].tolist() == ["x", "x"]  # the last one is held
    with pytest.raises(DataError, match="can't be read as parquet"):
        columns["a"]


def test_names_are_made_of_numbers():
    names = RowNames(np.array([1, 2, 5]))
    assert [*names] == ["row 1", "row 2", "row 5"] and names[-1] == "row 5"
    assert [*names.only(np.array([2, 0]))] == ["row 5", "row 1"] and [*names[:1]] == ["row 1"]


def test_text_is_brought_into_parquet_once(tmp_path, monkeypatch):
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "LARGE_BYTES", 0)
    monkeypatch.setattr(converting, "BATCH", 64)
    write_table(tmp_path / "t.csv")
    first = files.large_table(tmp_path / "t.csv")
    (made,) = (tmp_path / "cache" / "tables").iterdir()
    monkeypatch.setattr(converting, "_convert", None)  # what is there is not made again
    (tmp_path / "t.csv").rename(tmp_path / "moved.csv")
    again = files.large_table(tmp_path / "moved.csv", header="yes")
    assert first is not None and again is not None
    np.testing.assert_array_equal(first.columns["a"], again.columns["a"])
    made.unlink()  # another process needs the room
    assert again.columns["kind"][0] in {"red", "green", "blue", None}


def test_text_that_follows_numbers_is_found_late(tmp_path, monkeypatch):
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "LARGE_BYTES", 0)
    monkeypatch.setattr(converting, "BATCH", 8)
    lines = ["a,b", *(f"{i},{i}" for i in range(20)), "x,20", ","]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    table = files.large_table(tmp_path / "t.csv")
    assert table is not None
    assert table.columns["a"].tolist() == [*map(str, range(20)), "x"]
    assert table.columns["b"].tolist() == list(range(21))
    (tmp_path / "t.csv").write_text("\n".join(["a,b", *["1,2"] * 20, "1,2,3"]))
    with pytest.raises(DataError, match="line 22 has 3"):
        files.large_table(tmp_path / "t.csv")
    assert len(list((tmp_path / "cache" / "tables").iterdir())) == 1  # nothing half-written


def test_decimal_commas_are_decided_by_all_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(converting, "BATCH", 3)
    path = tmp_path / "t.csv"
    lines = [f"{i};{i}{i};{i},{j:03};{i},234;{i}" for i in range(1, 9) for j in (500, 417)]
    late = ["0;1;0,5;9,999;5"], ["0;1;0,5;9,999;x,5", "", "0;1;1,500;n/a;6"]
    for more in late:
        path.write_text("\n".join(["a;b;c;d;e", *lines, *more]))
        whole = read_table(path)
        monkeypatch.setattr(files, "LARGE_BYTES", 0)
        for _ in range(2):  # converted, and found in the cache
            table = files.large_table(path)
            for name in "abcd":
                np.testing.assert_array_equal(table.columns[name], numbers(whole, name))
            assert table.notes[:-1] == whole.notes and len(whole.notes) == 2
        assert table.columns["c"][-1] in (0.5, 1.5) and table.columns["d"][0] == 1.234
        assert whole.notes[1] == "decimal commas: in the columns c, d"
    path.write_text("\n".join(["a;b", *(f"{i},234;{i}" for i in range(1, 9))]))
    assert files.large_table(path).columns["a"][0] == "1,234"  # may be thousands
    chunks = table_chunks(path, TableReader(columns=(Column("a"), Column("b"))), 3)
    assert [chunk.columns["a"][0] for chunk in chunks] == ["1,234", "4,234", "7,234"]


def test_a_row_is_named_without_a_line_that_is_not_known(tmp_path, monkeypatch):
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "LARGE_BYTES", 0)
    path = tmp_path / "t.csv"
    path.write_text("a,y\n\n" + "1,2\n" * 30 + "oops,2\n" + "3,4\n" * 30)
    for table in (files.large_table(path), files.large_table(path).only(np.arange(61) > 2)):
        with pytest.raises(DataError, match=r"column 'a', row 31: 'oops' stands among numbers"):
            numbers(table, "a")


def test_text_that_is_no_utf_8_is_read_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGE_BYTES", 0)
    (tmp_path / "t.csv").write_bytes("größe,y\n1,2\n3,4\n".encode("cp1252"))
    assert files.large_table(tmp_path / "t.csv") is None


class Cut(BaseException):
    """The process ends here; nothing that is not on the disk survives."""


class CutAt(Listener):
    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, epoch, step, logs) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cut


def test_a_training_that_is_cut_in_mid_epoch_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("MLZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "LARGE_BYTES", 0)
    monkeypatch.setattr(rows, "BATCH", 64)
    monkeypatch.setattr(batches, "WINDOW_BYTES", 4 * 20 * 64)
    monkeypatch.setattr(bucketing, "BLOCK_SAMPLES", 16)
    given = {
        "model": "mlp",
        "data": str(write_table(tmp_path / "t.csv")),
        "target": "y",
        "drop": ["text"],
        "epochs": 2,
        "batch_size": 32,
        "set": {"hidden": [8], "dropout": 0.3},
        "out": str(tmp_path),
        "checkpoint_every": 0,
        "preset": "none",
        **LEAN,
    }
    whole = train_merged(merge({**given, "name": "whole"}))
    with pytest.raises(Cut):
        train_merged(merge({**given, "name": "cut"}), listener=CutAt(11))  # of 8 steps an epoch
    resumed = resume(tmp_path / "cut")
    assert resumed.metrics["weights_sha256"] == whole.metrics["weights_sha256"]
    assert resumed.metrics["test"] == whole.metrics["test"]
    predictions = [(run.path / "predictions.csv").read_bytes() for run in (whole, resumed)]
    assert predictions[0] == predictions[1] and predictions[0].startswith(b"index,name,target,pred")
