from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.loading import recognize
from mlzoo.data.objects.conversion import as_path
from mlzoo.data.objects.store import held, kind_of
from mlzoo.data.samples import Samples
from tests.data.pictures import as_stored, config, noise, save


def frame(rows: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=rows), "kind": rng.choice(["u", "v"], rows)}
    return pd.DataFrame({**columns, "y": rng.choice(["no", "yes"], rows)})


def read(data: Any, **fields: Any) -> Samples:
    return loading.read(config(as_path(data, fields.get("file_column")), **fields))


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    assert as_path("iris") == "iris"
    assert as_path(tmp_path / "a.csv") == str(tmp_path / "a.csv")


def test_a_frame_is_read_as_its_file_is(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "t.csv", index=False)
    from_file = loading.read(config(tmp_path / "t.csv", target="y"))
    samples = read(frame(), target="y")
    assert recognize(as_path(frame())) == "table"
    assert np.allclose(samples.inputs[:], from_file.inputs[:])
    assert samples.targets.tolist() == from_file.targets.tolist()
    assert samples.columns == from_file.columns
    others = [pyarrow.Table.from_pandas(frame()), (frame()[["a", "kind"]], frame()["y"])]
    for other in others:
        assert as_path(other) == as_path(frame())
    assert read((frame()[["a"]], list(frame()["y"]))).target_names == ("target",)


def test_references_follow_the_content() -> None:
    changed = frame()
    changed.loc[3, "a"] += 1e-9
    references = {as_path(each) for each in (frame(), changed, frame().rename(columns={"a": "b"}))}
    assert len(references) == 3
    assert all(each.startswith("object:table-40x3-") for each in references)
    x, y = np.arange(12.0).reshape(6, 2), np.arange(6)
    arrays = [(x, y), (x + 1, y), (x, y + 1), (x.astype("float32"), y), (x.reshape(3, 4), y[:3])]
    assert len({as_path(each) for each in arrays}) == 5
    assert as_path((x, y)) == as_path((x.copy(), y.tolist()))


def test_arrays_and_lists_of_images() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    samples = read((x, np.arange(30) % 3))
    assert (samples.task, samples.kind, samples.inputs.shape) == (
        "classification",
        "array",
        (30, 4),
    )
    images = [noise(n) for n in range(6)]
    labels = ["p", "q"] * 3
    samples = read((images, labels))
    assert (samples.kind, samples.class_names) == ("image", ("p", "q"))
    assert np.array_equal(samples.inputs[4], noise(4))
    pictures = [Image.fromarray(image) for image in images]
    assert as_path((pictures, labels)) == as_path((images, labels))
    parts = {"x_train": x[:20], "y_train": x[:20, 0], "x_test": x[20:], "y_test": x[20:, 0]}
    assert read(parts).given_parts.tolist() == ["train"] * 20 + ["test"] * 10
    labeled = read_labelled(as_path((x, np.arange(30) % 3)), read((x, np.arange(30) % 3)).reader)
    assert labeled.targets.tolist() == [n % 3 for n in range(30)]


def test_paths_of_images_with_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [save(tmp_path / "in" / f"{n}.png", noise(n)) for n in range(6)]
    save(tmp_path / "in" / "other.png", noise(9))
    samples = read((files, ["p", "q"] * 3))
    assert samples.targets.tolist() == [0, 1] * 3
    assert list(samples.names) == [f"{n}.png" for n in range(6)]
    assert np.array_equal(samples.inputs[5], noise(5))
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"path": [f"in/{n}.png" for n in range(6)], "size": np.arange(6) / 4})
    numbers = read(table, file_column="path", target="size")
    assert numbers.task == "regression"
    assert numbers.inputs.shape == samples.inputs.shape
    reader = as_stored(numbers.reader)
    again = read_labelled(as_path(table, "path"), reader)
    assert again.targets.tolist() == [n / 4 for n in range(6)]
    table.loc[2, "path"] = "in/gone.png"
    with pytest.raises(DataError, match=r"gone.png: there is no such file, row 3"):
        read(table, file_column="path", target="size")


def test_new_rows_of_a_frame() -> None:
    reader = as_stored(read(frame(), target="y").reader)
    new = read_inputs(as_path(frame(5)[["kind", "a"]]), reader)
    assert len(new) == 5
    assert np.allclose(new.rows[:, 0], frame(5)["a"])
    with pytest.raises(DataError, match="lacks the column 'a'"):
        read_inputs(as_path(frame(5)[["kind"]]), reader)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([1, 2], UsageError, "got list of 2; expected a path, a DataFrame"),
        (None, UsageError, "got NoneType; expected"),
        ((np.zeros((3, 2)), [1, 2]), DataError, "3 inputs, but 2 targets"),
        ((np.array([{}, {}]), [1, 2]), DataError, "x holds Python objects"),
        (([np.zeros((4, 4)), np.zeros((5, 4))], [0, 1]), DataError, r"2 shapes \(\(4, 4\), "),
        ({}, UsageError, "got no arrays"),
        ((pd.DataFrame({"y": [1]}), pd.Series([1], name="y")), DataError, "has a column 'y'"),
        (pd.DataFrame({"y": []}), DataError, "data has no rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), DataError, "more than one column called 'a'"),
    ],
)
def test_what_can_not_be_read(data: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        as_path(data)


def test_an_object_that_is_not_here_is_asked_for() -> None:
    reference = "object:table-40x3-0123456789abcdef"
    assert recognize(reference) == "table"
    assert kind_of("object:soup-1") == ""
    with pytest.raises(UsageError, match="the table 40x3 .SHA-256 0123.*mlzoo.resume"):
        loading.read(config(reference))
    with pytest.raises(UsageError, match="an object of Python code, the table 40x3 "):
        held(reference)
    with pytest.raises(UsageError, match="refers to no object"):
        recognize("object:soup-1")


def test_only_sources_of_the_kind_read_it() -> None:
    values = {"data": as_path(frame()), "source": "image_folder"}
    assert "can't read the table" in dict(loading.check_source(values, set()))["source"]
    days = pd.date_range("2020-01-01", periods=60, name="day")
    dated = pd.DataFrame({"v": np.sin(np.arange(60.0))}, index=days)
    samples = read(dated, source="series", window=8)
    assert samples.task == "forecasting"
    assert samples.names[0] == "from 2020-01-09"
