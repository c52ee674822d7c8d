from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data import loading
from mlzoo.data.inputs import read_inputs, read_labelled
from mlzoo.data.loading import refuse_undecodable
from mlzoo.data.new_samples import NewInputs, existing
from mlzoo.data.samples import Samples
from mlzoo.runs import datasets
from tests.data.pictures import config, shared

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 3


def read(path: object, **fields: Any) -> Samples:
    return loading.read(config(path, **fields))


def learned(path: object) -> Samples:
    """Samples as a model without labels gets them."""
    return loading.read(config(path).model_copy(update={"model": "autoencoder"}))


def npz(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "d.npz", **arrays)
    return folder / "d.npz"


def test_mnist10k() -> None:
    samples = read(shared("mnist10k/mnist10k.npz"))
    assert samples.inputs.shape == (10_000, 28, 28, 1)
    assert samples.inputs.dtype == np.uint8
    assert samples.kind == "image"
    assert samples.maximum == 255
    assert samples.class_names == tuple("0123456789")
    assert np.bincount(samples.targets)[:3].tolist() == [980, 1135, 1032]


@pytest.mark.parametrize(
    "names",
    [("x", "y"), ("X", "y"), ("inputs", "targets"), ("images", "labels"), ("p", "q")],
)
def test_names_of_pairs(tmp_path: Path, names: tuple[str, str]) -> None:
    samples = read(npz(tmp_path, **dict(zip(names, (X, Y), strict=True))))
    assert np.array_equal(samples.inputs, X.astype(np.float32))
    assert samples.targets.tolist() == Y.tolist()
    assert samples.kind == "array"


def test_arrays_can_be_named(tmp_path: Path) -> None:
    path = npz(tmp_path, a=X, b=Y, c=X + 1)
    with pytest.raises(DataError, match=r"holds a \(30, 4\) float64.*which are inputs and targets"):
        read(path)
    samples = read(path, source_set={"inputs": "c", "targets": "b"})
    assert np.array_equal(samples.inputs, (X + 1).astype(np.float32))
    with pytest.raises(DataError, match="has no array 'd'"):
        read(path, source_set={"inputs": "d", "targets": "b"})


def test_given_parts(tmp_path: Path) -> None:
    path = npz(tmp_path, x_train=X, y_train=Y, x_val=X + 1, y_val=Y, x_test=X + 2, y_test=Y)
    data = datasets.load(config(path))
    assert [len(part) for part in data.parts().values()] == [30, 30, 30]
    assert np.array_equal(data.test.inputs(), (X + 2).astype(np.float32))
    with pytest.raises(DataError, match="it lacks y_test"):
        read(npz(tmp_path, x_train=X, y_train=Y, x_test=X))


@pytest.mark.parametrize("form", ["npz", "npy", "folder"])
def test_without_targets_models_learn_the_inputs_alone(tmp_path: Path, form: str) -> None:
    path = tmp_path / {"npz": "d.npz", "npy": "d.npy", "folder": "d"}[form]
    if form == "npz":
        np.savez(path, measured=X)
    elif form == "npy":
        np.save(path, X[:, :, None])
    else:
        path.mkdir()
        np.save(path / "x.npy", X)
    samples = learned(path)
    np.testing.assert_array_equal(np.ravel(samples.inputs), X.astype(np.float32).ravel())
    assert samples.target.is_input and not samples.class_names and not samples.target_names
    new = read_labelled(str(path), samples.reader)
    np.testing.assert_array_equal(new.targets, samples.inputs)
    rows = read_inputs(str(path), samples.reader).rows
    np.testing.assert_array_equal(rows, samples.inputs)
    labeled = learned(npz(tmp_path, x=X, y=Y))
    assert labeled.target.is_input and labeled.classes is not None
    chosen = config(npz(tmp_path, x=X, z=X[:3])).model_copy(
        update={"model": "autoencoder", "source_set": {"inputs": "x"}}
    )
    assert len(loading.read(chosen)) == 30
    parts = learned(npz(tmp_path, x_train=X, x_test=X[:3]))
    assert parts.given_parts is not None and list(parts.given_parts).count("test") == 3
    np.save(tmp_path / "t.npy", np.column_stack([X, Y]))
    assert learned(tmp_path / "t.npy").inputs.shape == (30, 4)


def test_npy_takes_the_last_column_and_folders_hold_x_and_y(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.column_stack([X, Y]))
    samples = read(tmp_path / "t.npy")
    assert samples.inputs.shape == (30, 4)
    assert samples.class_names == ("0", "1", "2")
    (tmp_path / "d").mkdir()
    np.save(tmp_path / "d" / "x.npy", X)
    with pytest.raises(DataError, match="no y.npy"):
        read(tmp_path / "d")
    np.save(tmp_path / "d" / "y.npy", Y)
    assert np.array_equal(read(tmp_path / "d").inputs, samples.inputs)


@pytest.mark.parametrize(
    ("x", "options", "shape", "maximum"),
    [
        (np.zeros((6, 5, 4), np.uint8), {}, (5, 4, 1), 255),
        (np.zeros((6, 5, 4, 3), np.uint16), {}, (5, 4, 3), 65535),
        (np.full((6, 5, 4, 3), 0.5), {}, (5, 4, 3), 1),
        (np.full((6, 5, 4, 3), 200.0), {}, (5, 4, 3), 255),
        (np.full((6, 5, 4), 0.5), {}, (5, 4), None),
        (np.full((6, 5, 4), 0.5), {"kind": "image"}, (5, 4, 1), 1),
        (np.full((6, 5, 4), 7, np.uint8), {"kind": "array"}, (5, 4), None),
        (np.full((6, 5, 4, 3), -1.0), {"kind": "array"}, (5, 4, 3), None),
        (np.full((6, 5), 7, np.uint8), {}, (5,), None),
        (np.full(6, 7), {}, (1,), None),
    ],
)
def test_what_counts_as_an_image(
    tmp_path: Path, x: np.ndarray, options: Any, shape: tuple[int, ...], maximum: float | None
) -> None:
    samples = read(npz(tmp_path, x=x, y=[0, 1] * 3), source_set=options)
    assert samples.inputs.shape[1:] == shape
    assert samples.maximum == maximum
    assert samples.inputs.dtype == (x.dtype if maximum and x.dtype.kind == "u" else np.float32)


def with_nan() -> np.ndarray:
    x = X.copy()
    x[17, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": with_nan(), "y": Y},
            "NaN or infinite values in 1 of 30 samples, first in sample 17",
        ),
        ({"x": X, "y": Y[:-1]}, r"30 inputs \(shape \(30, 4\)\) but 29 targets"),
        ({"x": X.astype(str), "y": Y}, "inputs must be real numbers"),
        ({"x": X[:0], "y": Y[:0]}, "there are no samples"),
        ({"x": X, "y": np.where(Y == 1, np.inf, X[:, 0])}, "targets is inf in row 2"),
        ({"x": X, "y": np.zeros(30, int)}, "one class only"),
        ({"x": np.zeros((6, 3, 32, 32)), "y": [0, 1] * 3}, "looks like channels before rows"),
        ({"x": np.full((6, 9, 9, 3), -1.0), "y": [0, 1] * 3}, "images must lie in 0 to 1"),
    ],
)
def test_what_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(npz(tmp_path, **arrays))


class Explosive:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["d.npz", "d.npy", "y.npy"])
def test_pickles_are_refused_and_never_run(tmp_path: Path, name: str) -> None:
    bad = np.array([Explosive(tmp_path / "ran")] * 3, dtype=object)
    if name == "d.npz":
        np.savez(tmp_path / name, x=X, y=bad, allow_pickle=True)
    else:
        np.save(tmp_path / "x.npy", X)
        np.save(tmp_path / name, bad, allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects, which can run code"):
        read(tmp_path if name == "y.npy" else tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="d.npz can't be read as NumPy arrays"):
        read(tmp_path / "d.npz")
    np.save(tmp_path / "d.npy", np.arange(5))
    with pytest.raises(
        DataError, match=r"must be \(samples, columns\) with the target in the last"
    ):
        read(tmp_path / "d.npy")


def test_an_archive_larger_than_memory_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = npz(tmp_path, x=np.zeros((1000, 100)), y=np.zeros(1000))
    import psutil

    class Little:
        available = 100_000

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(DataError, match="unpacks to 0.0 GiB, but"):
        read(path)
    assert zipfile.is_zipfile(path)


def test_a_model_file_that_unpacks_to_many_times_its_size_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from mlzoo.runs.models import read_model

    path = tmp_path / "model.keras"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("config.json", "w") as file,
    ):
        for _ in range(257):
            file.write(bytes(2**20))
    monkeypatch.setattr(keras.models, "load_model", None)
    with pytest.raises(DataError, match="model.keras unpacks to 0.3 GiB, over 50 times its size"):
        read_model(path)


def test_one_hot_text_and_several_targets(tmp_path: Path) -> None:
    assert read(npz(tmp_path, x=X, y=np.eye(3)[Y])).targets.tolist() == Y.tolist()
    text = read(npz(tmp_path, x=X, y=np.array(["lo", "mid", "hi"])[Y]))
    assert text.class_names == ("hi", "lo", "mid")
    several = read(npz(tmp_path, x=X, y=X[:, :2]))
    assert several.task == "regression"
    assert several.targets.shape == (30, 2)
    assert several.target_names == ("target0", "target1")
    data = datasets.load(config(npz(tmp_path, x=X, y=X[:, :2])))
    assert data.outputs.units == 2
    assert len(data.outputs.mean) == 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.float32(3), "y": np.arange(60)}, r"inputs are a single value, of shape \(\)"),
        ({"x": np.zeros((60, 3)), "y": np.float32(3)}, "targets are a single value"),
        (
            {"x": np.zeros((60, 0)), "y": np.arange(60)},
            r"inputs have shape \(60, 0\): there are no v",
        ),
        ({"x": np.zeros((60, 0, 3)), "y": np.arange(60)}, r"shape \(60, 0, 3\)"),
        ({"x": np.zeros((60, 3)), "y": np.zeros((60, 0))}, r"targets have shape \(60, 0\)"),
        ({"x_train": np.float32(3), "y_train": np.float32(3)}, "train: inputs are a single value"),
        (
            {
                "x_train": np.zeros((9, 2)),
                "y_train": np.zeros(9),
                "x_test": np.zeros((9, 2)),
                "y_test": np.zeros((9, 2)),
            },
            "targets differ in shape",
        ),
    ],
)
def test_arrays_without_samples(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        loading.read(config(tmp_path / "a.npz"))


def test_names_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    (tmp_path / name).write_text("a,kind\n" + "1,x\n2,y\n" * 30)
    with pytest.raises(DataError, match=r"must be UTF-8, but got '.*caf\\xe9.csv'; rename"):
        loading.read(config(tmp_path / name))
    with pytest.raises(DataError, match="must be UTF-8"):
        existing(str(tmp_path / name))
    with pytest.raises(DataError, match="new samples: names must be UTF-8"):
        NewInputs(np.zeros((1, 2)), [name])
    with pytest.raises(DataError, match=r"imgs: names must be UTF-8.* and 1 more; rename"):
        refuse_undecodable(["good", *[f"{name}{i}" for i in range(4)]], "imgs")
