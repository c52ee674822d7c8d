"""New data for a trained model: `read_inputs` and `read_labelled`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.tables.reader import TableReader
from tests.data.pictures import as_stored, config, folder, noise, save


def reader_of(data: object, **fields: Any) -> Any:
    """What a run folder would hold: it must survive JSON."""
    return as_stored(loading.read(config(data, **fields)).reader)


@pytest.fixture
def trained_table(tmp_path: Path) -> tuple[Path, TableReader]:
    rows = [f"{i},{'ab'[i % 2]},{i * 7 % 11},{'yn'[i % 3 == 0]}" for i in range(60)]
    (tmp_path / "train.csv").write_text("\n".join(["u,kind,v,ok", *rows]))
    return tmp_path, reader_of(tmp_path / "train.csv", target="ok")


def test_table_columns_are_found_by_name(trained_table: tuple[Path, TableReader]) -> None:
    folder_, reader = trained_table
    (folder_ / "new.csv").write_text("extra,v,kind,u\n9,1,b,2\n9,,a,4\n9,5,zz,6\n")
    new = read_inputs(str(folder_ / "new.csv"), reader)
    expected = np.array([[2, 1, 1], [4, 0, np.nan], [6, -1, 5]], np.float32)
    assert np.array_equal(np.asarray(new.rows), expected, equal_nan=True)
    assert new.names == ["row 1", "row 2", "row 3"]
    assert len(new.warnings) == 1
    assert "column 'kind': 'zz' did not occur in the training data" in new.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("u,kind\n1,a\n", r"lacks the column 'v' that the model takes; it has 'u', 'kind'"),
        ("u,kind,v\nx,a,1\ny,b,2\n", "column 'u' holds text such as 'x'"),
    ],
)
def test_tables_that_do_not_fit(
    trained_table: tuple[Path, TableReader], text: str, message: str
) -> None:
    folder_, reader = trained_table
    (folder_ / "new.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_inputs(str(folder_ / "new.csv"), reader)


def test_labelled_tables_map_classes_by_name(trained_table: tuple[Path, TableReader]) -> None:
    folder_, reader = trained_table
    assert reader.class_names == ("n", "y")
    (folder_ / "new.csv").write_text("ok,u,kind,v\ny,1,a,1\ny,2,b,2\n")
    samples = read_labelled(str(folder_ / "new.csv"), reader)
    assert samples.targets.tolist() == [1, 1]
    (folder_ / "new.csv").write_text("ok,u,kind,v\ny,1,a,1\nmaybe,2,b,2\n")
    with pytest.raises(
        DataError, match="class 'maybe' is unknown to the model, which has 'n', 'y'"
    ):
        read_labelled(str(folder_ / "new.csv"), reader)
    (folder_ / "new.csv").write_text("u,kind,v\n1,a,1\n")
    with pytest.raises(DataError, match="no column 'ok' to compare predictions with"):
        read_labelled(str(folder_ / "new.csv"), reader)


def test_labelled_tables_know_comparisons_and_numbers(tmp_path: Path) -> None:
    rows = [f"{i * 7 % 11},{i % 10}" for i in range(60)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["v,quality", *rows]))
    two = read_labelled(str(path), reader_of(path, target="quality>=6"))
    assert two.targets.tolist() == [int(i % 10 >= 6) for i in range(60)]
    number = read_labelled(str(path), reader_of(path, target="quality", task="regression"))
    assert number.targets.tolist() == [i % 10 for i in range(60)]
    ten = read_labelled(str(path), reader_of(path, target="quality", task="classification"))
    assert ten.targets.tolist() == [i % 10 for i in range(60)]


def test_reading_the_training_data_again_gives_the_same(tmp_path: Path) -> None:
    root = folder(tmp_path / "images", {"a": 3, "b": 3})
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=rng.normal(size=(20, 3)), y=np.arange(20) % 2)
    np.savez(tmp_path / "i.npz", x=rng.integers(0, 256, (20, 9, 9), np.uint8), y=np.arange(20) % 2)
    for path in (root, tmp_path / "d.npz", tmp_path / "i.npz"):
        samples = loading.read(config(path))
        again = read_labelled(str(path), as_stored(samples.reader))
        assert np.array_equal(again.inputs[:], samples.inputs[:])
        assert np.array_equal(again.targets, samples.targets)
        assert again.class_names == samples.class_names
        assert again.hashes.tolist() == samples.hashes.tolist()
        plain = read_inputs(str(path), samples.reader)
        assert np.array_equal(plain.rows[:], samples.inputs[:])


def test_images_from_a_file_a_folder_or_a_tree(tmp_path: Path) -> None:
    reader = reader_of(folder(tmp_path / "train", {"a": 3, "b": 3}), size="12x16", color="gray")
    one = save(tmp_path / "new" / "one.png", noise(50, 24, 32))
    save(tmp_path / "new" / "deeper" / "two.jpg", noise(51, 99, 70, 4)[..., :3])
    single = read_inputs(str(one), reader)
    assert single.names == ["one.png"]
    assert single.rows.shape == (1, 12, 16, 1)
    tree = read_inputs(str(tmp_path / "new"), reader)
    assert tree.names == ["deeper/two.jpg", "one.png"]
    assert np.array_equal(tree.rows[1], single.rows[0])
    assert single.warnings == ()
    (warning,) = tree.warnings
    assert warning.startswith("size: 1 of 2 images have another size (99x70) than those of the")


def test_images_of_another_depth_are_scaled_to_the_trained_range(tmp_path: Path) -> None:
    reader = reader_of("digits")
    save(tmp_path / "new.png", np.array([[0, 255], [128, 16]], np.uint8).repeat(4, 0).repeat(4, 1))
    new = read_inputs(str(tmp_path / "new.png"), reader)
    assert np.unique(np.asarray(new.rows[0])).tolist() == [0, 1, 8, 16]
    assert new.rows.dtype == np.uint8
    assert "pixels run to 255, but to 16 in the training data" in new.warnings[0]
    deep = reader_of(folder(tmp_path / "train", {"a": 3, "b": 3}))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((24, 32, 3), 65535, np.uint16))
    assert np.unique(read_inputs(str(tmp_path / "deep.png"), deep).rows[:]).tolist() == [255]


def test_labelled_folders_use_the_trained_classes(tmp_path: Path) -> None:
    reader = reader_of(folder(tmp_path / "train", {"a": 3, "b": 3, "c": 3}))
    samples = read_labelled(str(folder(tmp_path / "new", {"c": 2, "b": 1})), reader)
    assert samples.targets.tolist() == [1, 2, 2]
    assert len(read_labelled(str(folder(tmp_path / "one", {"b": 2})), reader)) == 2
    with pytest.raises(DataError, match="class 'd' is unknown to the model"):
        read_labelled(str(folder(tmp_path / "other", {"b": 1, "d": 1})), reader)


def test_bad_images_are_named(tmp_path: Path) -> None:
    reader = reader_of(folder(tmp_path / "train", {"a": 3, "b": 3}))
    save(tmp_path / "new" / "good.png", noise(1))
    (tmp_path / "new" / "bad.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 2 images can't be used:\n  bad.png: empty file"):
        read_inputs(str(tmp_path / "new"), reader)
    with pytest.raises(UsageError, match="is not there"):
        read_inputs(str(tmp_path / "nowhere"), reader)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        read_inputs(str(tmp_path / "empty"), reader)


def test_arrays_must_fit(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((20, 5, 5), np.uint8), y=np.arange(20) % 2)
    reader = reader_of(tmp_path / "d.npz")
    np.save(tmp_path / "new.npy", np.ones((3, 5, 5)))
    new = read_inputs(str(tmp_path / "new.npy"), reader)
    assert (new.rows.shape, new.rows.dtype) == ((3, 5, 5, 1), np.uint8)
    assert new.names == ["sample 0", "sample 1", "sample 2"]
    for bad, message in [
        (np.ones((3, 5, 6)), r"samples are \(5, 6, 1\) float64, the model takes \(5, 5, 1\)"),
        (np.full((3, 5, 5), 0.5), "whole numbers from 0 to 255"),
        (np.full((3, 5, 5), 256), "values run from 256 to 256"),
        (np.full((3, 5, 5), np.nan), "NaN or infinite"),
    ]:
        np.save(tmp_path / "new.npy", bad)
        with pytest.raises(DataError, match=message):
            read_inputs(str(tmp_path / "new.npy"), reader)
    np.savez(tmp_path / "new.npz", x=np.ones((3, 5, 5), np.uint8), y=[0, 1, 2])
    with pytest.raises(DataError, match="class '2' is unknown"):
        read_labelled(str(tmp_path / "new.npz"), reader)
