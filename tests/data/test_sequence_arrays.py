"""Arrays of sequences with all kinds of targets, and rows of different lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.samples import Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import IGNORED
from mlzoo.runs import datasets
from tests.data.pictures import as_stored, config

LENGTHS = [7, 3, 5, 7, 1, 6] * 5


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def reader_of(samples: Samples) -> Any:
    return as_stored(samples.reader)


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def padded(channels: int = 2, seed: int = 0) -> np.ndarray:
    """30 sequences that end in NaN."""
    x = np.random.default_rng(seed).normal(size=(30, 7, channels))
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = np.nan
    return x


# -- Rows


def test_rows_are_padded_to_the_longest_that_are_read_together() -> None:
    rows = Sequences.of([np.array([[1.0], [2]], np.float32), np.array([[3.0]], np.float32)])
    assert (rows.shape, rows.longest, rows.uneven, len(rows)) == ((2, 2, 1), 2, True, 2)
    assert np.array_equal(rows[:], [[[1], [2]], [[3], [np.nan]]], equal_nan=True)
    assert rows[np.array([1])].tolist() == [[[3]]]
    assert rows[np.array([False, True])].tolist() == [[[3]]]
    assert rows[1].tolist() == [[3]] and rows[-2].tolist() == [[1], [2]]
    assert np.isnan(rows.padded(np.array([1]), 3)[0, 1:]).all()
    codes = Sequences.of([np.array([0, 1], np.uint8), np.array([2], np.uint8)])
    assert codes[:].tolist() == [[0, 1], [2, IGNORED]]
    assert codes[np.arange(0)].shape == (0, 0)
    with pytest.raises(IndexError):
        rows[2]


def test_rows_may_overlap_and_share_their_steps() -> None:
    steps = np.arange(10, dtype=np.float32)[:, None]
    rows = Sequences(steps, np.array([0, 2, 4]), np.array([4, 4, 6]))
    assert rows[1].ravel().tolist() == [2, 3, 4, 5]
    picked = rows.only(np.array([2, 0]))
    assert picked.values is steps
    assert picked[0].ravel().tolist() == [4, 5, 6, 7, 8, 9]
    assert not picked.only(np.array([1])).uneven


def test_digests_are_of_the_steps_alone() -> None:
    one = Sequences.of([np.array([[1.0], [0]], np.float32), np.array([[1.0]], np.float32)])
    other = Sequences.of([np.array([[1.0], [-0.0]], np.float32), np.array([[1.0]] * 3, np.float32)])
    assert one.digests()[0] == other.digests()[0]
    assert len({one.digests()[1], other.digests()[1], one.digests()[0]}) == 3
    windows = Sequences(np.zeros((5, 1), np.float32), np.array([0, 2]), np.array([3, 3]))
    assert windows.digests()[0] == windows.digests()[1]


# -- Targets


def test_a_class_each(tmp_path: Path) -> None:
    x, y = padded(), np.arange(30) % 3
    samples = read(save(tmp_path / "d.npz", x=x, y=y))
    assert (samples.task, samples.kind) == ("classification", "sequence")
    assert samples.inputs.lengths.tolist() == LENGTHS
    assert np.array_equal(samples.inputs.own(2), x[2, :5].astype(np.float32))
    assert np.array_equal(samples.inputs[:], x.astype(np.float32), equal_nan=True)
    assert samples.targets.tolist() == y.tolist()
    assert any("30 sequences of 1 to 7 steps, 2 channels" in note for note in samples.notes)
    one_hot = read(save(tmp_path / "o.npz", x=x, y=np.eye(3)[y]))
    assert one_hot.targets.tolist() == y.tolist()
    data = datasets.load(config(tmp_path / "d.npz"))
    assert data.inputs.uneven and data.inputs.shape == (7, 2)


def test_scaling_leaves_padding_out(tmp_path: Path) -> None:
    data = datasets.load(config(save(tmp_path / "d.npz", x=padded() + 5, y=np.arange(30) % 3)))
    rows = np.concatenate([data.samples.inputs.own(i) for i in data.train.indices])
    settings = data.inputs.scaling[0]["config"]
    assert settings["mean"] == pytest.approx(rows.mean(axis=0), rel=1e-5)
    assert settings["std"] == pytest.approx(rows.std(axis=0), rel=1e-5)


def test_numbers_each(tmp_path: Path) -> None:
    x = padded()
    samples = read(save(tmp_path / "d.npz", x=x, y=np.arange(30) / 7))
    assert (samples.task, samples.target_names) == ("regression", ("target",))
    y = np.random.default_rng(1).normal(size=(30, 2))
    samples = read(save(tmp_path / "d.npz", x=x, y=y))
    assert samples.target_names == ("target0", "target1")
    assert np.array_equal(samples.targets, y.astype(np.float32))


@pytest.mark.parametrize("nothing", [-1, np.nan])
def test_a_class_at_every_step(tmp_path: Path, nothing: float) -> None:
    y = np.random.default_rng(1).integers(3, 6, (30, 7)).astype(float)
    full = y.copy()
    y[0, 2] = nothing
    for row, length in zip(y, LENGTHS, strict=True):
        row[length:] = nothing
    y = y if np.isnan(nothing) else y.astype(int)
    samples = read(save(tmp_path / "d.npz", x=padded(), y=y))
    assert samples.task == "labeling" and samples.class_names == ("3", "4", "5")
    assert samples.targets.lengths.tolist() == LENGTHS
    assert samples.targets.own(0).tolist()[:3] == [full[0, 0] - 3, full[0, 1] - 3, IGNORED]
    assert samples.targets.own(3).tolist() == (full[3] - 3).tolist()
    assert "of 3; 1 below 0 or NaN don't count" in samples.notes[-1]


def test_classes_beyond_the_end_do_not_count(tmp_path: Path) -> None:
    y = np.arange(210).reshape(30, 7) % 3
    for row, length in zip(y, LENGTHS, strict=True):
        row[length:] = 9
    samples = read(save(tmp_path / "d.npz", x=padded(), y=y))
    assert samples.class_names == ("0", "1", "2")
    assert samples.targets.own(1).tolist() == y[1, :3].tolist()


def test_values_that_follow(tmp_path: Path) -> None:
    x, y = padded(3), np.random.default_rng(1).normal(size=(30, 4, 2))
    path = save(tmp_path / "d.npz", x=x, y=y)
    samples = read(path)
    assert samples.task == "forecasting" and samples.target_names == ("target0", "target1")
    assert np.array_equal(samples.targets[:], y.astype(np.float32))
    data = datasets.load(config(path))
    assert (data.outputs.horizon, data.outputs.channels) == (4, ())
    follow = datasets.load(config(path, source_set={"following": True}))
    assert follow.samples.target_names == ("channel0", "channel1")
    assert follow.outputs.channels == (0, 1)
    assert "4 steps of 2 values, so forecasting, of the first channels" in follow.samples.notes[-1]
    save(path, x=x[..., :1], y=y)
    with pytest.raises(DataError, match="2 targets follow, but there are 1 channels"):
        read(path, source_set={"following": True})


def test_channels_that_could_be_pixels_are_refused(tmp_path: Path) -> None:
    x, y = np.random.default_rng(1).random((2, 30, 12, 3))
    path = save(tmp_path / "d.npz", x=x, y=y)
    message = r"images of 12x3 pixels .* or sequences of 3 channels .*; say --source-set kind=array"
    with pytest.raises(DataError, match=message):
        read(path)
    assert read(path, source_set={"kind": "sequence"}).task == "forecasting"
    assert read(path, source_set={"kind": "array"}).task == "fields"
    wide = save(tmp_path / "w.npz", x=x.reshape(30, 4, 9), y=y.reshape(30, 4, 9))
    assert read(wide).task == "fields"


def test_vectors_to_sequences(tmp_path: Path) -> None:
    x, y = np.random.default_rng(1).normal(size=(30, 5)), np.zeros((30, 8, 2))
    y += np.arange(30)[:, None, None]
    path = save(tmp_path / "d.npz", x=x, y=y)
    samples = read(path)
    assert (samples.task, samples.kind) == ("forecasting", "array")
    assert samples.inputs.shape == (30, 5) and samples.targets.shape == (30, 8, 2)
    again = read_labelled(str(path), reader_of(samples))
    assert again.task == "forecasting"
    assert np.array_equal(again.targets[:], samples.targets[:])
    assert np.array_equal(again.inputs, samples.inputs)
    save(path, x=x, y=y[:, :7])
    with pytest.raises(DataError, match=r"\(30, 7, 2\) float64, but the model forecasts \(n, 8, 2"):
        read_labelled(str(path), reader_of(samples))


def test_given_parts(tmp_path: Path) -> None:
    x, y = padded(), np.arange(30) % 2
    path = save(tmp_path / "d.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    data = datasets.load(config(path))
    assert data.test.indices.tolist() == list(range(20, 30))
    assert len(data.train) + len(data.valid) == 20


def test_one_channel_and_whole_numbers_when_asked_for(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).integers(0, 9, (30, 6)), np.arange(30) % 2
    path = save(tmp_path / "d.npz", x=x, y=y)
    assert read(path).kind != "sequence"
    samples = read(path, source_set={"kind": "sequence"})
    assert samples.inputs.shape == (30, 6, 1)
    assert np.array_equal(samples.inputs[:][..., 0], x)
    floats = save(tmp_path / "f.npz", x=padded(), y=y)
    with pytest.raises(DataError, match="NaN"):
        read(floats, source_set={"kind": "array"})


# -- What is refused


def test_missing_values_within_a_sequence_are_refused(tmp_path: Path) -> None:
    y = np.arange(30) % 2
    for step, channel, value in ((2, 1, np.nan), (0, slice(None), np.nan), (3, 0, np.inf)):
        x = padded()
        x[3, step, channel] = value
        with pytest.raises(
            DataError,
            match=rf"within a sequence, first in sample 3, step {step + 1} \(1 such steps\); only",
        ):
            read(save(tmp_path / "d.npz", x=x, y=y))
    x = padded()
    x[5] = np.nan
    with pytest.raises(DataError, match="sample 5 holds no step but NaN"):
        read(save(tmp_path / "d.npz", x=x, y=y))


@pytest.mark.parametrize(
    ("x", "y", "fields", "message"),
    [
        ((30, 7, 2), (30, 4, 2), {"task": "regression"}, r"--task regression has no effect on tar"),
        ((30, 7, 2), (29,), {}, r"30 inputs .* but 29 targets"),
        ((0, 7, 2), (0,), {}, r"inputs have shape \(0, 7, 2\): there are no samples"),
        ((30, 7, 2), (30,), {"source_set": {"threshold": 3}}, "threshold and ignore are for"),
    ],
)
def test_arrays_that_do_not_fit(
    tmp_path: Path, x: tuple[int, ...], y: tuple[int, ...], fields: dict[str, Any], message: str
) -> None:
    random = np.random.default_rng(0)
    path = save(tmp_path / "d.npz", x=random.normal(size=x), y=random.normal(size=y))
    with pytest.raises(DataError, match=message):
        read(path, **fields)


def test_targets_that_do_not_fit(tmp_path: Path) -> None:
    x = padded()
    one = np.full((30, 7), 4)
    with pytest.raises(DataError, match="the steps' targets have 1 classes; 2 to 254"):
        read(save(tmp_path / "d.npz", x=x, y=one))
    follow = np.zeros((30, 4, 1))
    follow[6, 1] = np.nan
    with pytest.raises(DataError, match="targets hold NaN or infinite values, first in sample 6"):
        read(save(tmp_path / "d.npz", x=x, y=follow))
    many = np.arange(210).reshape(30, 7) % 3
    with pytest.raises(DataError, match=r"--task regression has no effect .*, a class at every st"):
        read(save(tmp_path / "d.npz", x=x, y=many), task="regression")


# -- New arrays


def test_new_arrays(tmp_path: Path) -> None:
    reader = reader_of(read(save(tmp_path / "d.npz", x=padded(), y=np.arange(30) % 3)))
    x = padded(seed=5)[:4, :, :]
    new = read_inputs(str(save(tmp_path / "n.npz", x=x)), reader)
    assert np.array_equal(new.rows[:], x.astype(np.float32), equal_nan=True)
    assert new.names == [f"sample {i}" for i in range(4)]
    np.save(tmp_path / "n.npy", x)
    assert np.array_equal(
        read_inputs(str(tmp_path / "n.npy"), reader).rows[:], new.rows[:], equal_nan=True
    )
    x[1, 0, 0] = np.nan
    with pytest.raises(DataError, match="within a sequence, first in sample 1, step 1"):
        read_inputs(str(save(tmp_path / "n.npz", x=x)), reader)
    message = r"n.npz: shape \(4, 7, 1\) float64, but the model takes sequences \(n, steps, 2\) of "
    with pytest.raises(DataError, match=f"{message}channel0, channel1"):
        read_inputs(str(save(tmp_path / "n.npz", x=x[..., :1])), reader)


def test_new_labelled_arrays_map_classes_by_name(tmp_path: Path) -> None:
    reader = reader_of(read(save(tmp_path / "d.npz", x=padded(), y=np.arange(30) % 3 + 5)))
    x = padded(seed=5)[:4]
    samples = read_labelled(str(save(tmp_path / "n.npz", x=x, y=[7, 7, 6, 7])), reader)
    assert samples.targets.tolist() == [2, 2, 1, 2] and samples.class_names == ("5", "6", "7")
    assert samples.inputs.lengths.tolist() == LENGTHS[:4]
    with pytest.raises(DataError, match="class '4' is unknown to the model, which has '5', '6'"):
        read_labelled(str(save(tmp_path / "n.npz", x=x, y=[7, 7, 4, 7])), reader)
    with pytest.raises(DataError, match=r"4 inputs .* but 3 targets"):
        read_labelled(str(save(tmp_path / "n.npz", x=x, y=[7, 7, 5])), reader)
    with pytest.raises(DataError, match=r"targets are \(4, 2\); a class each is needed, \(4,\)"):
        read_labelled(str(save(tmp_path / "n.npz", x=x, y=np.full((4, 2), 5))), reader)
    np.save(tmp_path / "n.npy", x)
    with pytest.raises(DataError, match="holds no targets; give an .npz file"):
        read_labelled(str(tmp_path / "n.npy"), reader)


def test_new_labelled_arrays_of_other_tasks(tmp_path: Path) -> None:
    x, random = padded(), np.random.default_rng(3)
    steps = random.integers(3, 6, (30, 7))
    path = save(tmp_path / "d.npz", x=x, y=steps)
    reader = reader_of(read(path))
    part = save(tmp_path / "n.npz", x=x[:2], y=np.where(steps[:2] == 4, -1, steps[:2]))
    found = read_labelled(str(part), reader)
    expected = np.where(steps[0] == 4, IGNORED, steps[0] - 3)
    assert found.targets.own(0).tolist() == expected.tolist()
    assert found.targets.lengths.tolist() == LENGTHS[:2]
    with pytest.raises(DataError, match=r"a class at every step is needed, whole numbers \(2, 7\)"):
        read_labelled(str(save(tmp_path / "n.npz", x=x[:2], y=steps[:2, :4])), reader)
    values = random.normal(size=(30, 2))
    reader = reader_of(read(save(path, x=x, y=values)))
    found = read_labelled(str(save(tmp_path / "n.npz", x=x[:3], y=values[:3])), reader)
    assert np.array_equal(found.targets, values[:3].astype(np.float32))
    with pytest.raises(DataError, match=r"targets are \(3,\), but the model predicts 2 numbers"):
        read_labelled(str(save(tmp_path / "n.npz", x=x[:3], y=values[:3, 0])), reader)
    follow = random.normal(size=(30, 4, 1))
    reader = reader_of(read(save(path, x=x, y=follow)))
    found = read_labelled(str(save(tmp_path / "n.npz", x=x[:3], y=follow[:3])), reader)
    assert np.array_equal(found.targets[:], follow[:3].astype(np.float32))
    assert found.task == "forecasting"
