"""HDF5 and MATLAB files: what they hold, what is refused, and a model that is trained on them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

import mlzoo
from mlzoo.core.errors import DataError
from mlzoo.data.arrays import open_archive, open_inputs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def test_data_sets_of_groups_have_their_path_as_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
        file["about/names"] = ["left", "right"]
        file["about"]["again"] = file["about"]
        file["elsewhere"] = h5py.SoftLink("/x")
        file["outside"] = h5py.ExternalLink("other.h5", "/secret")
    arrays = open_archive(tmp_path / "a.h5")
    assert sorted(arrays) == ["about/names", "x"], "links are not followed, nor groups in a circle"
    np.testing.assert_array_equal(arrays["x"], X)
    assert arrays["about/names"].tolist() == ["left", "right"]


def test_values_of_other_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(np.arange(4.0).tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        external = [(str(tmp_path / "secret"), 0, 32)]
        file.create_dataset("x", (4,), "float64", external=external)
    with pytest.raises(DataError, match="x keeps its values in another file"):
        open_archive(tmp_path / "a.h5")
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(DataError, match="can't be read as HDF5 arrays"):
        open_archive(tmp_path / "text.h5")
    with h5py.File(tmp_path / "empty.h5", "w"):
        pass
    with pytest.raises(DataError, match="holds no data sets"):
        open_archive(tmp_path / "empty.h5")


def test_arrays_of_matlab_have_their_samples_first(tmp_path: Path) -> None:
    images = RNG.integers(0, 255, (60, 8, 8, 3), dtype="uint8")
    savemat(tmp_path / "a.mat", {"X": np.moveaxis(images, 0, -1), "y": Y[:, None], "s": {"a": 1}})
    arrays = open_archive(tmp_path / "a.mat")
    assert set(arrays) == {"X", "y"}, "a struct is no array"
    np.testing.assert_array_equal(arrays["X"], images)
    np.testing.assert_array_equal(arrays["y"], Y)
    savemat(tmp_path / "table.mat", {"x": X, "y": Y})
    arrays = open_archive(tmp_path / "table.mat")
    assert arrays["x"].shape == (60, 3) and arrays["y"].shape == (60,)
    with h5py.File(tmp_path / "new.mat", "w", userblock_size=512) as file:
        file["x"], file["y"] = X.T, Y[None]
    with (tmp_path / "new.mat").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    arrays = open_archive(tmp_path / "new.mat")
    np.testing.assert_array_equal(arrays["x"], X)
    np.testing.assert_array_equal(arrays["y"], Y)
    savemat(tmp_path / "struct.mat", {"s": {"a": 1}})
    with pytest.raises(DataError, match="holds no arrays of numbers or text"):
        open_archive(tmp_path / "struct.mat")
    (tmp_path / "text.mat").write_text("no")
    with pytest.raises(DataError, match="can't be read as MATLAB arrays"):
        open_archive(tmp_path / "text.mat")


@pytest.mark.slow
def test_a_run_reads_new_files_of_another_kind(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "train.hdf5", "w") as file:
        file["inputs"], file["targets"] = X, Y
    fields = {"epochs": 1, "baselines": "none", "pictures": "none", "set": {"hidden": [4]}}
    run = mlzoo.train("mlp", str(tmp_path / "train.hdf5"), out=str(tmp_path / "runs"), **fields)
    assert run.record["task"] == "classification"
    savemat(tmp_path / "new.mat", {"x": X[:5], "y": Y[:5]})
    np.savez(tmp_path / "new.npz", x=X[:5], y=Y[:5])
    np.testing.assert_array_equal(open_inputs(tmp_path / "new.mat"), X[:5])
    ours, theirs = (run.evaluate(tmp_path / name) for name in ("new.mat", "new.npz"))
    assert ours["metrics"] == theirs["metrics"] and ours["samples"] == 5
