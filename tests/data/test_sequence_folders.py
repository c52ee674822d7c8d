"""Folders of sequences: layouts, tables beside them, targets, groups, and new ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.loading import recognize
from mlzoo.data.record import data_record, split_record, trained_on
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.reader import SequenceReader
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED
from mlzoo.runs import datasets
from tests.data.pictures import as_stored, config, shared


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def reader_of(samples: Samples) -> Any:
    return as_stored(samples.reader)


def values(number: int) -> np.ndarray:
    """Steps (3 + number % 4, 2) that no other number has."""
    steps = np.arange(3 + number % 4)
    return np.stack([100 * number + steps, 100 * number + steps / 4], axis=1).astype(np.float32)


def put(path: Path, number: int, header: str = "u,v", **more: Any) -> None:
    """A file of `values(number)`, and further columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join(f"{x:g}" for x in row) for row in values(number)]
    for name, column in more.items():
        header += f",{name}"
        rows = [f"{row},{cell}" for row, cell in zip(rows, column, strict=True)]
    path.write_text("\n".join([header, *rows]) + "\n")


def sequences(root: Path, count: int = 12, name: str = "run_{}.csv", **options: Any) -> Path:
    for number in range(1, count + 1):
        put(root / name.format(number), number, **options)
    return root


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def check(samples: Samples, numbers: list[int]) -> None:
    assert isinstance(samples.inputs, Sequences)
    assert len(samples.inputs) == len(numbers)
    for position, number in enumerate(numbers):
        assert np.array_equal(samples.inputs.own(position), values(number))


# -- Tables that name the sequences


@pytest.mark.parametrize(
    "row",
    ["run_{}.csv", "run_{}", "{}", "{:03}", "{}.0"],
    ids=["name", "stem", "number", "zeros", "decimal"],
)
def test_a_table_names_sequences(tmp_path: Path, row: str) -> None:
    sequences(tmp_path)
    rows = [f"{row.format(n)},{'ab'[n % 3 == 0]}" for n in range(12, 0, -1)]
    table(tmp_path / "labels.csv", "\n".join(["which,kind", *rows]))
    assert recognize(str(tmp_path)) == "sequences"
    samples = read(tmp_path)
    order = [1, 10, 11, 12, 2, 3, 4, 5, 6, 7, 8, 9]
    check(samples, order)
    assert samples.names == [f"run_{n}.csv" for n in order]
    assert samples.class_names == ("a", "b")
    assert samples.targets.tolist() == [int(n % 3 == 0) for n in order]
    assert (samples.task, samples.kind, samples.target_names) == (
        "classification",
        "sequence",
        ("kind",),
    )
    notes = "\n".join(samples.notes)
    assert "table: labels.csv gives each sequence kind, by which" in notes
    assert "target: 'kind' (--target)" in notes
    assert "sequences: 12 of 3 to 6 steps, 2 channels (u, v) (--drop)" in notes


@pytest.mark.slow
def test_indoor_movement() -> None:
    path = shared("series/indoor_movement")
    samples = read(path)
    assert samples.inputs.shape == (314, 129, 4)
    assert (samples.inputs.lengths.min(), samples.inputs.lengths.max()) == (19, 129)
    assert samples.reader.channels == tuple(f"RSS_anchor{i}" for i in range(1, 5))
    assert samples.target_names == ("class_label",) and samples.class_names == ("-1", "1")
    assert np.bincount(samples.targets).tolist() == [156, 158]
    first = samples.names.index("MovementAAL_RSS_1.csv")
    assert samples.targets[first] == 1
    assert samples.inputs.own(first)[0] == pytest.approx([-0.90476, -0.48, 0.28571, 0.3])
    grouped = datasets.load(config(path, group_by="dataset_ID", fractions="34/33/33"))
    assert sorted(set(grouped.samples.groups)) == ["1", "2", "3"]
    assert [len(set(grouped.samples.groups[p.indices])) for p in grouped.parts().values()] == [
        1
    ] * 3
    paths = read(path, target="path_ID", group_by="dataset_ID")
    assert paths.class_names == tuple("123456")
    assert np.bincount(paths.targets).sum() == 314
    reader = reader_of(samples)
    again = read_labelled(path, reader)
    assert np.array_equal(again.targets, samples.targets)
    assert (again.hashes == samples.hashes).all()


def test_one_column_of_several_is_the_target(tmp_path: Path) -> None:
    sequences(tmp_path)
    rows = [f"{n},{n % 4},{'xy'[n % 2]},{n / 7}" for n in range(1, 13)]
    table(tmp_path / "labels.csv", "\n".join(["id,person,class_label,weight", *rows]))
    samples = read(tmp_path, group_by="person")
    assert samples.target_names == ("class_label",)  # not person, though the file says labels
    assert sorted(set(samples.groups)) == ["0", "1", "2", "3"]
    samples = read(tmp_path, target="weight")
    assert samples.task == "regression"
    assert samples.targets[0] == np.float32(1 / 7)
    samples = read(tmp_path, target="person>=2")
    assert samples.class_names == ("person<2", "person>=2")
    assert samples.targets[:3].tolist() == [0, 1, 1]
    (tmp_path / "labels.csv").rename(tmp_path / "about.csv")
    assert read(tmp_path).target_names == ("class_label",)


def test_what_to_predict_must_be_clear(tmp_path: Path) -> None:
    sequences(tmp_path)
    rows = [f"{n},{n % 4},{'xy'[n % 2]}" for n in range(1, 13)]
    table(tmp_path / "about.csv", "\n".join(["id,person,room", *rows]))
    with pytest.raises(UsageError, match="give each sequence person, room; say with --target"):
        read(tmp_path)
    assert read(tmp_path, group_by="person").target_names == ("room",)  # what is left
    with pytest.raises(DataError, match=r"no column 'rom' .*did you mean 'room'.*u, v, person, ro"):
        read(tmp_path, target="rom")
    (tmp_path / "about.csv").unlink()
    with pytest.raises(DataError, match=r"nothing says what to predict .* columns u, v; expected"):
        read(tmp_path)


def test_two_tables(tmp_path: Path) -> None:
    sequences(tmp_path)
    table(tmp_path / "target.csv", "\n".join(["id,y", *(f"{n},{n % 2}" for n in range(1, 13))]))
    table(
        tmp_path / "site.csv", "\n".join(["id,place,y", *(f"{n},{n % 3},7" for n in range(1, 13))])
    )
    samples = read(tmp_path, group_by="place")
    assert samples.target_names == ("target.y",)
    assert samples.targets[0] == 1 and samples.class_names == ("0", "1")
    table(tmp_path / "weather.csv", "day,rain\nmonday,3\ntuesday,0\n")
    notes = "\n".join(read(tmp_path).notes)
    assert "ignored: weather.csv, whose columns are not those of the sequences" in notes


def test_sequences_without_a_row_are_named(tmp_path: Path) -> None:
    sequences(tmp_path)
    path = tmp_path / "labels.csv"
    table(path, "\n".join(["id,kind,who", *(f"{n},{n % 2},{n % 3}" for n in range(1, 11))]))
    message = "no kind is given for 2 of 12 sequences: run_11.csv, run_12.csv; add them to the tab"
    with pytest.raises(DataError, match=message):
        read(tmp_path, target="kind")
    rows = [f"{n},{n % 2},{'' if n == 4 else n % 3}" for n in range(1, 15)]
    table(path, "\n".join(["id,kind,who", *rows]))
    with pytest.raises(DataError, match="no who is given for 1 of 12 sequences: run_4.csv"):
        read(tmp_path, target="kind", group_by="who")
    notes = read(tmp_path, target="kind").notes
    assert any("2 of its rows name no sequence that can be read" in note for note in notes)


def test_two_rows_for_a_sequence_are_refused(tmp_path: Path) -> None:
    sequences(tmp_path)
    rows = [f"{n},{n % 2}" for n in (*range(1, 13), 5)]
    table(tmp_path / "labels.csv", "\n".join(["id,kind", *rows]))
    message = r"labels.csv has more than one row for id 5: row 5 \(line 6\), row 13 \(line 14\)"
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_a_column_of_small_numbers_is_not_taken_for_names(tmp_path: Path) -> None:
    sequences(tmp_path)
    rows = [f"{(n + 1) % 9 + 1},{n},{'ab'[n % 2]}" for n in range(1, 13)]
    table(tmp_path / "labels.csv", "\n".join(["person,id,kind_label", *rows]))
    samples = read(tmp_path)  # 9 of 12 numbers are persons, but some twice
    assert "by id" in "\n".join(samples.notes)
    assert samples.targets[0] == 1 and samples.targets[4] == 0


def test_kinds_of_files_that_cannot_be_told_apart(tmp_path: Path) -> None:
    put(tmp_path / "a.csv", 1)
    put(tmp_path / "b.csv", 2, header="x,y")
    with pytest.raises(DataError, match="holds 2 tables, no two of which have the same columns; e"):
        read(tmp_path, source="sequences")
    put(tmp_path / "c.csv", 3)
    put(tmp_path / "d.csv", 4, header="x,y")
    with pytest.raises(DataError, match="2 tables with the columns u, v and as many with x, y, so"):
        read(tmp_path, source="sequences")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no tables, sounds or arrays \(.csv, .tsv, "):
        read(tmp_path / "empty", source="sequences")


# -- Folders


def test_one_folder_of_files_a_class(tmp_path: Path) -> None:
    for number in range(9):
        put(tmp_path / f"{10 - number % 3}" / f"{number}.csv", number)
    (tmp_path / "readme.txt").write_text("Nine runs.\n")
    assert recognize(str(tmp_path)) == "sequences"
    samples = read(tmp_path)
    assert (samples.task, samples.class_names) == ("classification", ("10", "8", "9"))
    assert samples.targets.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    check(samples, [0, 3, 6, 2, 5, 8, 1, 4, 7])
    assert samples.names[0] == "10/0.csv"
    assert read(tmp_path, task="regression").targets.tolist() == [10] * 3 + [8] * 3 + [9] * 3
    table(tmp_path / "who.csv", "\n".join(["id,person", *(f"{n},{n % 4}" for n in range(9))]))
    assert read(tmp_path, group_by="person").groups.tolist() == list("032210103")


def test_given_parts_with_tables(tmp_path: Path) -> None:
    number = 0
    for part, count in (("train", 8), ("val", 3), ("test", 4)):
        rows = ["file,label"]
        for index in range(count):
            put(tmp_path / part / f"{index}.csv", number)
            rows.append(f"{index}.csv,{'ab'[number % 2]}")
            number += 1
        table(tmp_path / part / "labels.csv", "\n".join(rows))
    assert recognize(str(tmp_path)) == "sequences"
    data = datasets.load(config(tmp_path))
    assert [len(part) for part in data.parts().values()] == [8, 3, 4]
    assert data.test.names()[0] == "test/0.csv"
    for part, first in (("train", 0), ("val", 8), ("test", 11)):
        position = data.samples.names.index(f"{part}/1.csv")
        assert np.array_equal(data.samples.inputs.own(position), values(first + 1))
        assert data.samples.targets[position] == (first + 1) % 2


def test_given_parts_with_one_table_beside_them(tmp_path: Path) -> None:
    rows = ["file,label"]
    for number in range(8):
        name = f"{'train' if number < 6 else 'test'}/{number % 6}.csv"
        put(tmp_path / name, number)
        rows.append(f"{name},{'ab'[number % 2]}")
    table(tmp_path / "labels.csv", "\n".join(rows))
    samples = read(tmp_path)
    assert samples.names[0] == "test/0.csv"
    assert samples.targets.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]


def test_given_parts_with_folders_of_classes(tmp_path: Path) -> None:
    for number in range(12):
        part = ("train", "train", "valid", "test")[number // 3]
        put(tmp_path / part / "ab"[number % 2] / f"{number}.csv", number)
    assert recognize(str(tmp_path)) == "sequences"
    data = datasets.load(config(tmp_path))
    assert [len(part) for part in data.parts().values()] == [6, 3, 3]
    for name, target in zip(data.samples.names, data.samples.targets, strict=True):
        assert "ab"[target] == name.split("/")[1]
    put(tmp_path / "more" / "a.csv", 50)
    with pytest.raises(DataError, match="split folders test, train, valid and beside them more"):
        read(tmp_path)


def test_copies_in_two_parts_are_refused(tmp_path: Path) -> None:
    for number in range(8):
        put(
            tmp_path / ("train" if number < 6 else "test") / "ab"[number % 2] / f"{number}.csv",
            number,
        )
    put(tmp_path / "test" / "a" / "again.csv", 2)
    with pytest.raises(DataError, match="1 of 3 test samples .*: test/a/again.csv = train/a/2.csv"):
        datasets.load(config(tmp_path, fractions="80/0/20"))


# -- A class at every step


def stepwise(root: Path, count: int = 12, name: str = "label") -> Path:
    for number in range(count):
        steps = len(values(number))
        put(root / f"{number:02}.csv", number, **{name: [(number + i) % 12 for i in range(steps)]})
    return root


def test_a_class_at_every_step(tmp_path: Path) -> None:
    samples = read(stepwise(tmp_path))
    assert samples.task == "labeling"
    assert samples.class_names == tuple(map(str, range(12)))  # in order of numbers, not of text
    check(samples, list(range(12)))
    for number in range(12):
        expected = [(number + i) % 12 for i in range(len(values(number)))]
        assert samples.targets.own(number).tolist() == expected
    assert samples.targets[:].shape == (12, 6)
    assert (samples.targets[:] == IGNORED).sum() == 12 * 6 - sum(len(values(n)) for n in range(12))
    assert samples.reader.target.steps
    data = datasets.load(config(tmp_path))
    record = data_record(data, config(tmp_path))
    total = sum(sum(part["classes"].values()) for part in record["parts"].values())
    assert total == sum(len(values(n)) for n in range(12))


def test_steps_without_a_class_do_not_count(tmp_path: Path) -> None:
    stepwise(tmp_path, name="state")
    path = tmp_path / "00.csv"
    path.write_text(path.read_text().replace("1,0.25,1\n", "1,0.25,\n"))
    samples = read(tmp_path, target="state")
    assert samples.targets.own(0).tolist() == [0, IGNORED, 2]
    assert "1 steps without one don't count" in samples.notes[-1]
    assert np.array_equal(samples.inputs.own(0), values(0))


def test_classes_of_steps_that_parts_do_not_share_are_told(tmp_path: Path) -> None:
    for number in range(12):
        part = ("train", "train", "valid", "test")[number // 3]
        seen = {"train": "ab", "valid": "ab", "test": "ac"}[part]
        states = [seen[i % 2] for i in range(len(values(number)))]
        put(tmp_path / part / f"{number}.csv", number, state=states)
    data = datasets.load(config(tmp_path, target="state"))
    assert [len(part) for part in data.parts().values()] == [6, 3, 3]
    assert data.warnings == (
        "class 'b' occurs in the train split but not in the test split",
        "class 'c' occurs in the test split but not in the train split",
    )


def test_a_limit_draws_whole_sequences(tmp_path: Path) -> None:
    data = datasets.load(config(stepwise(tmp_path), limit=6))
    assert len(data.samples) == 6
    for position, name in enumerate(data.samples.names):
        number = int(name[:2])
        assert np.array_equal(data.samples.inputs.own(position), values(number))
        assert data.samples.targets.own(position)[0] == number % 12


def test_a_comparison_of_steps(tmp_path: Path) -> None:
    samples = read(stepwise(tmp_path, name="state"), target="state>=6")
    assert samples.class_names == ("state<6", "state>=6")
    assert samples.targets.own(4).tolist() == [0, 0, 1]
    again = read_labelled(str(tmp_path), reader_of(samples))
    assert np.array_equal(again.targets[:], samples.targets[:])


def test_steps_that_cannot_be_labelled(tmp_path: Path) -> None:
    stepwise(tmp_path)
    with pytest.raises(UsageError, match="--task regression: a value at every step can't be pred"):
        read(tmp_path, task="regression")
    for number in range(60):
        put(
            tmp_path / f"{number:02}.csv", number, label=number + np.arange(len(values(number))) / 7
        )
    with pytest.raises(DataError, match=r"has \d+ classes, such as 0 and 0.14\d+; at most 254"):
        read(tmp_path)


# -- Times, missing values, bad files


def timed(root: Path, count: int = 12) -> Path:
    for number in range(1, count + 1):
        put(root / "ab"[number % 2] / f"{number}.csv", number, t=np.arange(len(values(number))))
    return root


def test_a_column_of_time_is_no_channel(tmp_path: Path) -> None:
    samples = read(timed(tmp_path))
    assert samples.reader.channels == ("u", "v") and samples.reader.time == "t"
    assert any("time: column 't', which is no channel" in note for note in samples.notes)
    assert read(tmp_path, source_set={"time": "none"}).reader.channels == ("u", "v", "t")
    assert read(tmp_path, source_set={"time": "u"}).reader.channels == ("v", "t")
    assert read(tmp_path, drop=["v"]).reader.channels == ("u",)
    with pytest.raises(DataError, match="--drop: no column 'w'; there are u, v, t"):
        read(tmp_path, drop=["w"])
    put(tmp_path / "a" / "2.csv", 2, t=[0, 1, 2, 9, 10])
    found = read(tmp_path).warnings
    assert found == ("a/2.csv: 1 break in time (the usual step is 1): 2 to 9",)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0, 1, 3, 2, 4], r"a/2.csv: time goes back in row 4 \(line 5\), from 3 to 2"),
        ([0, 1, 1, 2, 3], r"a/2.csv: the time 1 occurs twice, in row 2 \(line 3\) and row 3"),
    ],
)
def test_times_out_of_order_make_a_bad_file(tmp_path: Path, times: list[int], message: str) -> None:
    put(timed(tmp_path) / "a" / "2.csv", 2, t=times)
    with pytest.raises(DataError, match=f"1 of 12 sequences can't be used:\n  {message}"):
        read(tmp_path)
    samples = read(tmp_path, on_bad="skip", max_bad=0.1)
    assert len(samples) == 11 and samples.problems[0][0] == "a/2.csv"


def test_bad_files_are_named_or_left_out(tmp_path: Path) -> None:
    timed(tmp_path)
    (tmp_path / "a" / "2.csv").write_text("u,v,t\n1,2\n")
    (tmp_path / "b" / "1.csv").write_text("")
    put(tmp_path / "a" / "4.csv", 4, header="u,w", t=range(3))
    (tmp_path / "b" / "3.csv").write_text("u,v,t\n1,x,0\n2,y,1\n")
    (tmp_path / "b" / "5.csv").write_text("u,v,t\n1,,0\n2,3,1\n")
    put(tmp_path / "a" / "6.csv", 6, s=range(5))
    with pytest.raises(DataError) as error:
        read(tmp_path)
    text = str(error.value)
    for line in (
        "6 of 12 sequences can't be used:",
        "\n  a/2.csv: 3 columns, but line 2 has 2",
        "\n  b/1.csv: is empty",
        "\n  a/4.csv: it lacks the column 'v'; it has 'u', 'w', 't'",
        "\n  b/3.csv: column 'v' holds text such as 'x'",
        "\n  b/5.csv: missing values: 'v' 1, first in step 1; fill them with --source-set missing=",
        "\n  a/6.csv: it lacks the column 't'",
        "--on-bad skip",
    ):
        assert line in text
    with pytest.raises(DataError, match="50.0%, more than --max-bad 0.4 accepts"):
        read(tmp_path, on_bad="skip", max_bad=0.4)
    samples = read(tmp_path, on_bad="skip", max_bad=0.5)
    assert samples.names == ["a/10.csv", "a/12.csv", "a/8.csv", "b/11.csv", "b/7.csv", "b/9.csv"]
    assert "6 of 12 sequences can't be used and are left out" in samples.warnings[0]
    filled = read(tmp_path, on_bad="skip", source_set={"missing": "linear"}, max_bad=0.5)
    assert filled.inputs.own(filled.names.index("b/5.csv")).tolist() == [[1, 3], [2, 3]]


def test_bad_files_of_two_parts_are_two(tmp_path: Path) -> None:
    for number in range(8):
        put(
            tmp_path / ("train" if number < 6 else "test") / "ab"[number % 2] / f"{number}.csv",
            number,
        )
    for part in ("train", "test"):
        (tmp_path / part / "a" / "x.csv").write_text("")
    with pytest.raises(DataError, match="2 of 10 sequences can't be used:\n  test/a/x.csv: is emp"):
        read(tmp_path)


def test_nothing_that_can_be_read(tmp_path: Path) -> None:
    for name in ("a/1.csv", "a/2.csv", "b/3.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(DataError, match="none of 3 files can be read:\n  a/1.csv: is empty"):
        read(tmp_path)
    for name in ("a/1.csv", "a/2.csv", "b/3.csv"):
        (tmp_path / name).write_text("u\n\n?\n")
    with pytest.raises(DataError, match="none of 3 sequences can be used"):
        read(tmp_path, on_bad="skip", max_bad=1)


def test_groups_by_file_name(tmp_path: Path) -> None:
    for number in range(12):
        put(tmp_path / "ab"[number % 2] / f"p{number // 4}_{number}.csv", number)
    assert sorted(set(read(tmp_path, group_by=r"p(\d+)_").groups)) == ["0", "1", "2"]
    with pytest.raises(
        DataError, match=r"--group-by person: no such column in the tables \(class\)"
    ):
        read(tmp_path, group_by="person")


# -- New data for a trained model


def trained(tmp_path: Path, **fields: Any) -> tuple[Path, SequenceReader, Samples]:
    for number in range(12):
        put(tmp_path / "old" / "abc"[number % 3] / f"{number}.csv", number, w=values(number)[:, 0])
    samples = read(tmp_path / "old", **fields)
    return tmp_path, reader_of(samples), samples


def test_new_sequences_have_the_models_channels_in_its_order(tmp_path: Path) -> None:
    root, reader, _ = trained(tmp_path, drop=["w"])
    new = root / "new"
    new.mkdir()
    (new / "x.csv").write_text("v,extra,u\n1,9,2\n3,9,4\n")
    (new / "y.tsv").write_text("u\tv\n5\t6\n")
    found = read_inputs(str(new), reader)
    assert found.names == ["x.csv", "y.tsv"]
    assert [found.rows.own(i).tolist() for i in range(2)] == [[[2, 1], [4, 3]], [[5, 6]]]
    assert found.warnings == ()
    one = read_inputs(str(new / "x.csv"), reader)
    assert one.names == ["x.csv"] and len(one.rows) == 1
    (new / "z.csv").write_text("u,q\n1,2\n")
    assert read_inputs(str(new), reader).warnings == (
        "1 of 3 files lack a channel of the model and are left out: z.csv",
    )
    (new / "x.csv").write_text("u,v\n1,\n3,9\n")
    with pytest.raises(DataError, match="1 of 2 sequences can't be used:\n  x.csv: missing values"):
        read_inputs(str(new), reader)
    with pytest.raises(DataError, match="z.csv: it lacks the column 'v'; it has 'u', 'q'"):
        read_inputs(str(new / "z.csv"), reader)
    (new / "x.csv").unlink()
    (new / "y.tsv").unlink()
    with pytest.raises(DataError, match="holds no sequences with the channels u, v"):
        read_inputs(str(new), reader)


def test_times_of_new_sequences_are_checked(tmp_path: Path) -> None:
    reader = reader_of(read(timed(tmp_path / "old")))
    new = timed(tmp_path / "new")
    assert read_inputs(str(new / "a" / "2.csv"), reader).warnings == ()
    put(new / "a" / "2.csv", 2, t=[0, 1, 2, 9, 10])
    irregular = ("a/2.csv: 1 break in time (the usual step is 1): 2 to 9",)
    assert read_inputs(str(new), reader).warnings == irregular
    assert read_labelled(str(new), reader).warnings == irregular
    put(new / "a" / "2.csv", 2, t=[0, 1, 3, 2, 4])
    for read_new in (read_inputs, read_labelled):
        with pytest.raises(DataError, match=r"1 of 12 .*\n.*a/2.csv: time goes back in row 4"):
            read_new(str(new), reader)
    # Without their times there is nothing to check.
    put(tmp_path / "alone.csv", 2)
    assert len(read_inputs(str(tmp_path / "alone.csv"), reader).rows) == 1


def test_new_labelled_sequences_map_classes_by_name(tmp_path: Path) -> None:
    root, reader, _ = trained(tmp_path, drop=["w"])
    for number in range(40, 44):
        put(root / "new" / "cb"[number % 2] / f"{number}.csv", number, header="u,v")
    samples = read_labelled(str(root / "new"), reader)
    assert samples.class_names == ("a", "b", "c")
    assert samples.targets.tolist() == [1, 1, 2, 2]
    check(samples, [41, 43, 40, 42])
    put(root / "one" / "c" / "7.csv", 7)
    assert read_labelled(str(root / "one"), reader).targets.tolist() == [2]
    put(root / "one" / "d" / "8.csv", 8)
    with pytest.raises(
        DataError, match="class 'd' is unknown to the model, which has 'a', 'b', 'c'"
    ):
        read_labelled(str(root / "one"), reader)
    sequences(root / "flat", 3)
    with pytest.raises(
        DataError, match="does not give each sequence its class, .* it gives nothing"
    ):
        read_labelled(str(root / "flat"), reader)
    with pytest.raises(
        DataError, match="run_1.csv is one sequence, of which nothing gives the class"
    ):
        read_labelled(str(root / "flat" / "run_1.csv"), reader)
    (root / "one" / "c" / "9.csv").write_text("")
    with pytest.raises(DataError, match="1 of 3 files can't be used:\n  c/9.csv: is empty"):
        read_labelled(str(root / "one"), reader)


def test_new_tables_give_numbers_and_comparisons(tmp_path: Path) -> None:
    sequences(tmp_path)
    rows = [f"{n},{n * 0.5}" for n in range(1, 13)]
    table(tmp_path / "labels.csv", "\n".join(["id,weight", *rows]))
    number = reader_of(read(tmp_path))
    heavy = reader_of(read(tmp_path, target="weight>3"))
    new = sequences(tmp_path / "new", 3)
    table(new / "labels.csv", "id,weight\n1,1\n2,5\n3,2\n")  # whole numbers, but still numbers
    assert read_labelled(str(new), number).targets.tolist() == [1, 5, 2]
    assert read_labelled(str(new), number).targets.dtype == np.float32
    assert read_labelled(str(new), heavy).targets.tolist() == [0, 1, 0]
    assert read_labelled(str(new), heavy).class_names == ("weight<=3", "weight>3")
    table(new / "labels.csv", "id,weight\n1,1\n2,\n3,2\n")
    with pytest.raises(DataError, match="no weight is given for 1 of 3 sequences: run_2.csv"):
        read_labelled(str(new), number)


def test_new_steps(tmp_path: Path) -> None:
    samples = read(stepwise(tmp_path / "old"))
    reader = reader_of(samples)
    put(tmp_path / "new" / "a.csv", 1, label=[11, "", 2, 10])
    found = read_labelled(str(tmp_path / "new"), reader)
    assert found.targets.own(0).tolist() == [11, IGNORED, 2, 10]
    assert found.class_names == samples.class_names
    alone = read_labelled(str(tmp_path / "new" / "a.csv"), reader)
    assert np.array_equal(alone.targets[:], found.targets[:]) and alone.names == ["a.csv"]
    put(tmp_path / "new" / "b.csv", 2, label=[1, 2, 3, 4, 12])
    with pytest.raises(DataError, match="class '12' is unknown to the model"):
        read_labelled(str(tmp_path / "new"), reader)
    put(tmp_path / "new" / "b.csv", 2)
    with pytest.raises(DataError, match="1 of 2 sequences lack the column 'label', .*: b.csv"):
        read_labelled(str(tmp_path / "new"), reader)


def test_sequences_that_were_trained_on_are_known_again(tmp_path: Path) -> None:
    root, reader, _ = trained(tmp_path)
    settings = config(root / "old")
    data = datasets.load(settings)
    record = json.loads(json.dumps(split_record(data, settings)))
    again = read_labelled(str(root / "old"), reader)
    assert trained_on(again, record) == len(data.train) + len(data.valid)


def test_arrays_of_one_sequence_each_are_a_folder_of_sequences(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, level in (("high", 1.0), ("low", -1.0)):
        (tmp_path / name).mkdir()
        for i in range(8):
            x = level + rng.normal(size=(5 + i, 2))
            if i % 2:
                np.save(tmp_path / name / f"{i}.npy", x)
            else:
                np.savez(tmp_path / name / f"{i}.npz", signal=x)
    samples = read(tmp_path)
    assert samples.class_names == ("high", "low") and len(samples.targets) == 16
    reader = samples.reader
    assert isinstance(reader, SequenceReader)
    assert reader.channels == ("channel 1", "channel 2")
    one = read_inputs(str(tmp_path / "high" / "3.npy"), reader)
    assert np.asarray(one.rows).shape == (1, 8, 2)
    several = read_inputs(str(tmp_path / "high"), reader)
    assert len(several.rows) == 8
    np.save(tmp_path / "high" / "1.npy", np.zeros((4, 2, 2)))
    with pytest.raises(DataError, match=r"shape \(4, 2, 2\)"):
        read(tmp_path)
