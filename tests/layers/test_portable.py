"""Files of models hold Keras' own layers and mlzoo's, with the same numbers."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.layers.members import SharedDense
from mlzoo.layers.portable import read_own_layers, save_model
from mlzoo.layers.scaling import Standardise
from mlzoo.runs.models import read_model


@keras.saving.register_keras_serializable(package="somebody")
class Halved(keras.layers.Layer):
    """A layer of somebody else."""

    def call(self, x: Any) -> Any:
        return x / 2


def _model(*layers: keras.layers.Layer) -> keras.Model:
    tensor = x = keras.Input((3,), name="inputs")
    for layer in layers:
        x = layer(x)
    return keras.Model(tensor, x, name="network")


def _members() -> keras.Model:
    keras.utils.set_random_seed(0)
    members = SharedDense(256, 2, name="members")
    return _model(Standardise([0, 1, 2], [1, 2, 3], name="scaling"), members)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_model(_members(), tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_layers_and_weights_are_read_as_they_were(path: Path) -> None:
    model, read = _members(), read_model(path)
    assert read.to_json() == model.to_json()
    assert isinstance(read.get_layer("members"), SharedDense)
    for variable, same in zip(model.variables, read.variables, strict=True):
        np.testing.assert_array_equal(variable, same)


def test_weights_are_stored_once(path: Path) -> None:
    with zipfile.ZipFile(path) as archive, h5py.File(archive.open("model.weights.h5")) as file:
        addresses: dict[int, int] = {}
        for group in (file["layers"], file["mlzoo"]):
            for name in _sets(group):
                address = h5py.h5o.get_info(group[name].id).addr
                addresses[address] = addresses.get(address, 0) + 1
        assert set(addresses.values()) == {2}
        assert len(file["mlzoo"]) == len(_members().variables)


def _sets(group: Any) -> list[str]:
    names: list[str] = []
    group.visititems(lambda n, item: names.append(n) if isinstance(item, h5py.Dataset) else None)
    return names


def test_a_model_of_keras_layers_is_written_by_keras_alone(tmp_path: Path) -> None:
    save_model(_model(keras.layers.Dense(2, name="dense")), tmp_path / "model.keras")
    assert read_own_layers(tmp_path / "model.keras") is None
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert b"mlzoo" not in archive.read("metadata.json")


def test_layers_of_others_are_saved_as_they_are(tmp_path: Path) -> None:
    model = _model(Standardise([0, 0, 0], [1, 1, 2]), Halved())
    save_model(model, tmp_path / "model.keras")
    assert read_own_layers(tmp_path / "model.keras") is None
    assert read_model(tmp_path / "model.keras").to_json() == model.to_json()


def test_saving_changes_no_random_numbers(tmp_path: Path) -> None:
    model = _members()
    random.seed(3)
    expected = random.random()
    random.seed(3)
    save_model(model, tmp_path / "model.keras")
    assert random.random() == expected


@pytest.mark.parametrize("damage", ["missing", "shape", "outside", "linked"])
def test_damaged_variables_are_refused(path: Path, damage: str) -> None:
    outside = path.with_name("outside.bin")
    outside.write_bytes(bytes(8 * 512))
    linked = path.with_name("linked.h5")
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    weights = path.with_name("weights.h5")
    weights.write_bytes(contents["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        kind, shape = file["mlzoo/0"].dtype, file["mlzoo/0"].shape
        del file["mlzoo/0"]
        if damage == "shape":
            file["mlzoo/0"] = np.zeros((1, 2), kind)
        if damage == "outside":
            file["mlzoo"].create_dataset("0", shape, kind, external=[(outside, 0, 8 * 512)])
        if damage == "linked":
            with h5py.File(linked, "w") as other:
                file.copy(file["mlzoo"], other, "mlzoo")
                other["mlzoo/0"] = np.zeros(shape, kind)
            del file["mlzoo"]
            file["mlzoo"] = h5py.ExternalLink(str(linked), "mlzoo")
    contents["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(UsageError, match="another file" if damage == "outside" else "variables"):
        read_model(path)
