"""Tables that stay on disk: the same values, splits and scaling as in memory."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.large_tables import files, rows
from mlzoo.data.large_tables.files import FileColumns
from mlzoo.data.large_tables.rows import RowNames, TableRows
from mlzoo.data.record import split_record
from mlzoo.runs import datasets
from mlzoo.training.loop import batches

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
    frame.to_parquet(path, row_group_size=90)
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
    ("classes", "fields"),
    [
        (False, {}),
        (False, {"weight_column": "weight", "group_by": "kind"}),
        (True, {"limit": 150, "drop": ["text"]}),
    ],
)
def test_values_splits_and_scaling_are_those_in_memory(tmp_path, monkeypatch, classes, fields):
    path = write_table(tmp_path / "t.parquet", classes)
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
    monkeypatch.setattr(batches, "BLOCK_SAMPLES", 16)
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
