from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.loading import recognize
from mlzoo.data.samples import Samples
from tests.data.pictures import as_stored, config, folder, noise, save

CLASSES = ["b", "a"] * 6


def images(root: Path, count: int = 12, where: str = "images") -> list[str]:
    """Images called 000.png, ... in a folder; return their names without the folder."""
    names = [f"{number:03d}.png" for number in range(count)]
    for number, name in enumerate(names):
        save(root / where / name, noise(number))
    return names


def table(path: Path, columns: dict[str, Sequence[Any]]) -> Path:
    frame = pd.DataFrame(columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("called", ["images/{}.png", "{}.png", "{}", "old\\images\\{}.png"])
def test_tables_that_name_images(tmp_path: Path, suffix: str, called: str) -> None:
    names = images(tmp_path)
    stems = [called.format(name.removesuffix(".png")) for name in names]
    path = table(tmp_path / f"labels{suffix}", {"kind": CLASSES, "photo": stems})
    assert recognize(str(path)) == recognize(str(tmp_path)) == "image_table"
    for location in (path, tmp_path):
        samples = read(location)
        assert samples.class_names == ("a", "b")
        assert samples.targets.tolist() == [1, 0] * 6
        assert list(samples.names) == [f"images/{name}" for name in names]
        assert np.array_equal(samples.inputs[5], noise(5))
        assert samples.target_names == ("kind",)


def test_the_target_of_several_columns_and_groups(tmp_path: Path) -> None:
    names = images(tmp_path)
    columns = {"f": names, "size": [n / 4 for n in range(12)], "patient": ["p", "q", "r"] * 4}
    path = table(tmp_path / "labels.csv", columns)
    with pytest.raises(UsageError, match="size, patient beside the files' names.*--target"):
        read(path)
    samples = read(path, target="size", group_by="patient")
    assert samples.task == "regression"
    assert samples.targets.tolist() == [n / 4 for n in range(12)]
    assert samples.groups is not None and list(samples.groups[:3]) == ["p", "q", "r"]
    assert read(path, target="size>=1.5").class_names == ("size<1.5", "size>=1.5")
    by_name = read(path, target="size", group_by="(.)\\.png")
    assert by_name.groups is not None and list(by_name.groups[9:]) == ["9", "0", "1"]
    with pytest.raises(DataError, match="--group-by site: the table has no such column"):
        read(path, target="size", group_by="site")
    table(path, {**columns, "label": CLASSES})
    assert read(path).target_names == ("label",)


def test_a_column_of_masks_beside_images_is_asked_for(tmp_path: Path) -> None:
    names, others = images(tmp_path), images(tmp_path, where="edges")
    columns = {"y": CLASSES, "raw": [f"images/{n}" for n in names]}
    path = table(tmp_path / "labels.csv", {**columns, "edge": [f"edges/{name}" for name in others]})
    with pytest.raises(UsageError, match="columns 'raw' and 'edge'; choose one with --file-column"):
        read(path, target="y")
    assert read(path, target="y", file_column="edge").names[0] == "edges/000.png"
    with pytest.raises(DataError, match="has no 'edges' .did you mean 'edge'"):
        read(path, file_column="edges")


def test_what_is_missing_repeated_or_unlabeled_is_told(tmp_path: Path) -> None:
    names = images(tmp_path)
    listed = [*names[:10], names[3], names[4], "gone.png"]
    kinds: list[str | None] = [*CLASSES[:10], CLASSES[3], CLASSES[4], "a"]
    kinds[0] = None
    path = table(tmp_path / "labels.csv", {"f": listed, "kind": kinds})
    with pytest.raises(DataError, match=r"1 of 10 images can't be used.*\n +gone.png: there is no"):
        read(path)
    samples = read(path, on_bad="skip", max_bad=0.1)
    assert list(samples.names) == [f"images/{name}" for name in names[1:10]]
    told = "\n".join(samples.notes)
    assert "rows left out: 2 that repeat others (images/003.png, images/004.png)" in told
    assert "rows left out: 1 of 12, whose 'kind' is missing" in told
    assert "2 of 12 images are not in labels.csv and are left out (images/010.png" in told
    assert samples.problems == (
        ("gone.png", "there is no such file, row 13 (line 14) of labels.csv"),
    )


def test_rows_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    names = images(tmp_path)
    path = table(tmp_path / "labels.csv", {"f": [*names, names[2]], "kind": [*CLASSES, "a"]})
    with pytest.raises(DataError, match=r"002.png: 'b' in row 3 \(line 4\) and 'a' in row 13"):
        read(path)


def test_one_name_in_two_folders_is_ambiguous_but_in_that_of_the_table(tmp_path: Path) -> None:
    names = images(tmp_path, where="one")
    images(tmp_path, where="train")
    path = table(tmp_path / "labels.csv", {"f": names, "kind": CLASSES})
    with pytest.raises(DataError, match=r"000.png: names 2 files \(one/000.png, train/000.png\)"):
        read(path)
    assert read(path.rename(tmp_path / "train.csv")).names[0] == "train/000.png"


@pytest.mark.parametrize("inside", [False, True])
def test_splits_by_the_names_of_tables_or_folders(tmp_path: Path, inside: bool) -> None:
    for part, count in (("train", 8), ("test", 4)):
        names = [f"{part}{number}.png" for number in range(count)]
        for number, name in enumerate(names):
            save(tmp_path / part / name, noise(number + 20 * (part == "test")))
        path = tmp_path / (f"{part}/metadata.csv" if inside else f"{part}.csv")
        table(path, {"file_name": names, "label": ["x", "y"] * (count // 2)})
    samples = read(tmp_path)
    assert samples.given_parts is not None
    assert samples.given_parts.tolist() == ["train"] * 8 + ["test"] * 4
    names_of = dict(zip(samples.names, samples.given_parts.tolist(), strict=True))
    assert names_of["test/test3.png"] == "test"


def test_several_tables_are_asked_for(tmp_path: Path) -> None:
    names = images(tmp_path)
    for name in ("old.csv", "new.csv"):
        table(tmp_path / name, {"f": names, "kind": CLASSES})
    with pytest.raises(UsageError, match=r"2 tables that name images \(new.csv, old.csv\); name"):
        read(tmp_path)
    assert len(read(tmp_path / "new.csv")) == 12


def test_class_folders_and_a_table_are_asked_for(tmp_path: Path) -> None:
    folder(tmp_path, {"x": 6, "y": 6})
    names = [f"{k}/{i:04d}.png" for k in "xy" for i in range(6)]
    table(tmp_path / "labels.csv", {"f": names, "kind": CLASSES})
    with pytest.raises(UsageError, match="image_folder or image_table; --source image_folder or"):
        recognize(str(tmp_path))
    assert read(tmp_path, source="image_folder").class_names == ("x", "y")
    assert read(tmp_path, source="image_table").class_names == ("a", "b")


@pytest.mark.parametrize("name", ["augmented.csv", "predictions.csv"])
def test_our_own_tables_are_no_labels(tmp_path: Path, name: str) -> None:
    folder(tmp_path, {"x": 2, "y": 2})
    table(tmp_path / name, {"name": ["x/0000.png", "y/0000.png"], "predicted": ["x", "y"]})
    assert recognize(str(tmp_path)) == "image_folder"


def test_tables_of_numbers_beside_pictures_stay_tables(tmp_path: Path) -> None:
    images(tmp_path, where=".")
    for number in range(1, 9):
        save(tmp_path / f"{number}.png", noise(number))
    rows = range(40)
    path = table(tmp_path / "wine.csv", {"acid": [n / 7 for n in rows], "q": [n % 6 for n in rows]})
    assert recognize(str(path)) == "table"
    assert recognize(str(tmp_path)) == "image_folder"


def test_odd_cells_name_nothing(tmp_path: Path) -> None:
    images(tmp_path)
    odd = ["../" * 3, "x" * 5000, "a\x01b.png", "/etc/passwd", "", "images", "C:\\x.png", "~"]
    path = tmp_path / "odd.csv"
    path.write_text("f,y\n" + "".join(f"{cell},{n % 2}\n" for n, cell in enumerate(odd)))
    with pytest.raises(DataError, match="no column names images beside it"):
        read(path, source="image_table")
    with pytest.raises(DataError, match=r"none of its 8 rows names an image:\n.*no such file"):
        read(path, source="image_table", file_column="f")
    empty = tmp_path / "none"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no table .* that names images"):
        read(empty, source="image_table")


def test_new_images_of_a_run(tmp_path: Path) -> None:
    train, new = tmp_path / "train", tmp_path / "new"
    table(train / "labels.csv", {"photo": images(train), "kind": CLASSES})
    reader = as_stored(read(train).reader)
    names = images(new, 4)
    path = table(new / "more.csv", {"note": list("wxyz"), "photo": names, "kind": list("abba")})
    alone = read_inputs(str(new), reader)
    assert alone.names == [f"images/{name}" for name in names]
    named = read_inputs(str(path), reader)
    assert named.names == alone.names
    assert np.array_equal(named.rows[:], alone.rows[:])
    for location in (new, path):
        samples = read_labelled(str(location), reader)
        assert samples.targets.tolist() == [0, 1, 1, 0]
        assert samples.names == alone.names
    table(path, {"photo": [*names, "gone.png"], "kind": list("abbac")})
    for function in (read_inputs, read_labelled):
        with pytest.raises(DataError, match="1 of 5 rows name no image:\n +gone.png: there is no"):
            function(str(path), reader)
    os.remove(path)
    table(path, {"photo": names, "kind": list("abbz")})
    with pytest.raises(DataError, match="class 'z' is unknown to the model"):
        read_labelled(str(path), reader)


def test_numbers_of_new_images_and_runs_of_class_folders(tmp_path: Path) -> None:
    path = table(
        tmp_path / "labels.csv", {"f": images(tmp_path), "size": [n / 8 for n in range(12)]}
    )
    reader = as_stored(read(path).reader)
    assert read_labelled(str(tmp_path), reader).targets.tolist() == [n / 8 for n in range(12)]
    classes = folder(tmp_path / "classes", {"a": 4, "b": 4})
    by_folder = as_stored(read(classes).reader)
    table(path, {"f": [f"{n:03d}" for n in range(12)], "kind": CLASSES})
    assert read_labelled(str(path), by_folder).targets.tolist() == [1, 0] * 6
    assert read_labelled(str(classes), by_folder).targets.tolist() == [0] * 4 + [1] * 4


def test_what_was_recognized_is_not_recognized_anew(tmp_path: Path) -> None:
    names = images(tmp_path)
    path = table(tmp_path / "labels.csv", {"f": names, "kind": CLASSES})
    reader = as_stored(read(path).reader)
    other = [f"images/{name}" for name in reversed(names)]
    table(path, {"f": names, "kind": CLASSES, "neighbor": other})
    again = loading.read_again(config(path, target="kind"), reader)
    assert again.names[0] == "images/000.png"


# -- Several labels, several numbers


def test_labels_in_cells_columns_or_rows_are_the_same(tmp_path: Path) -> None:
    names = images(tmp_path)
    sets = [["a", "b"], ["b"], [], ["a"]] * 3
    cells = {"f": names, "tags": ["|".join(labels) for labels in sets]}
    columns = {"f": names, **{label: [int(label in s) for s in sets] for label in "ab"}}
    rows = [(name, label) for name, labels in zip(names, sets, strict=True) for label in labels]
    files = [table(tmp_path / "cells.csv", cells), table(tmp_path / "columns.csv", columns)]
    by_cell, by_column = map(read, files)
    for samples in (by_cell, by_column):
        assert (samples.task, samples.class_names) == ("multilabel", ("a", "b"))
        assert samples.labels.tolist() == [[1, 1], [0, 1], [0, 0], [1, 0]] * 3
    assert by_column.target_names == ("a", "b")
    files.append(
        table(tmp_path / "rows.csv", {"f": [n for n, _ in rows], "tag": [t for _, t in rows]})
    )
    with pytest.raises(DataError, match="(?s)different values of 'tag'.*say --task multilabel"):
        read(files[2])
    by_row = read(files[2], task="multilabel")
    labeled = [i for i, labels in enumerate(sets) if labels]
    assert list(by_row.names) == [f"images/{names[i]}" for i in labeled]
    assert by_row.labels.tolist() == by_cell.labels[labeled].tolist()
    for path, samples in zip(files, (by_cell, by_column, by_row), strict=True):
        assert np.array_equal(read_labelled(str(path), samples.reader).labels, samples.labels)


def test_several_columns_of_numbers_are_several_targets(tmp_path: Path) -> None:
    names = images(tmp_path)
    columns = {"f": names, "x": [n / 4 for n in range(12)], "y": range(12), "z": CLASSES}
    path = table(tmp_path / "labels.csv", columns)
    samples = read(path, target="x,y")
    assert (samples.task, samples.target_names) == ("regression", ("x", "y"))
    assert samples.labels.tolist() == [[n / 4, n] for n in range(12)]
    assert read_labelled(str(path), samples.reader).labels.tolist() == samples.labels.tolist()
    with pytest.raises(DataError, match="'z' holds text; predict it in a run of its own"):
        read(path, target="x,z")
    with pytest.raises(DataError, match="no column 'w' to predict.*there are f, x, y, z"):
        read(path, target="x,w")
