"""Data sets that are known by name: bundled, generated, downloaded."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.samples import Samples
from mlzoo.runs import datasets
from mlzoo.sources import generated
from tests.data.pictures import config


def read(name: str, **fields: Any) -> Samples:
    return loading.read(config(name, **fields))


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("digits", (1797, 8, 8, 1), 10),
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast-cancer", (569, 30), 2),
        ("breast_cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
    ],
)
def test_bundled(name: str, shape: tuple[int, ...], classes: int) -> None:
    samples = read(name)
    assert samples.inputs.shape == shape
    assert len(samples.class_names) == classes
    assert len(samples.columns) == (0 if name == "digits" else shape[1])
    assert samples.task == ("regression" if name == "diabetes" else "classification")


def test_bundled_values() -> None:
    assert read("iris").inputs[0].tolist() == pytest.approx([5.1, 3.5, 1.4, 0.2])
    assert read("iris").class_names == ("setosa", "versicolor", "virginica")
    assert [c.name for c in read("wine").columns][:2] == ["alcohol", "malic_acid"]
    digits = read("digits")
    assert (digits.inputs.dtype, digits.inputs.max(), digits.maximum) == (np.uint8, 16, 16)
    # Raw, not the values that scikit-learn has standardised over all rows: ages in years.
    assert read("diabetes").inputs[0, 0] == 59


SIZES = {
    "faces": (600, [360, 120, 120]),
    "shapes": (300, [180, 60, 60]),
    "scenes": (3000, [1800, 600, 600]),
    "touching-cells": (300, [180, 60, 60]),
    "flow-fields": (240, [144, 48, 48]),
    "accelerometer": (120, [72, 24, 24]),
    "root-sine": (30, [18, 6, 6]),
    "pendulum": (1200, [720, 240, 240]),
    "delayed-xor": (2000, [1200, 400, 400]),
    "moving-spots": (400, [240, 80, 80]),
    "dates": (6000, [3600, 1200, 1200]),
    "captions": (6000, [3600, 1200, 1200]),
    # Windows of 24 steps and one to forecast: 2000 - 24 of all, 1200 - 24 of the training steps.
    "sine-mix": (1976, [1176, 400, 400]),
    "mackey-glass": (1950, [1150, 400, 400]),
}
"""Samples, and those of each part, of generated sets that do not have 1000."""


@pytest.mark.slow
@pytest.mark.parametrize("name", generated.NAMES)
def test_generated_sets_follow_from_the_seed(name: str) -> None:
    few = {"samples": 40}
    one = read(name, seed=3, source_set=few)
    same = read(name.replace("-", "_"), seed=3, source_set=few)
    np.testing.assert_array_equal(one.inputs[:], same.inputs[:])
    np.testing.assert_array_equal(one.targets[:], same.targets[:])
    other = read(name, seed=4, source_set=few).inputs[:]
    assert one.inputs[:].shape != other.shape or not np.array_equal(one.inputs[:], other)
    # The samples of the first two are steps, of which 5 make a window; a swing has 30 states.
    several = {"sine-mix": 40 - 5, "mackey-glass": 40 - 5, "pendulum": 40 * 30}
    assert len(one) == several.get(name, 40)
    count, parts = SIZES.get(name, (1000, [600, 200, 200]))
    data = datasets.load(config(name, seed=3))
    assert len(data.samples) == count
    assert [len(part) for part in data.parts().values()] == parts
    assert data.warnings == ()


def test_gaussian_mixture_has_the_means_it_says() -> None:
    samples = read("gaussian-mixture", source_set={"samples": 30_000})
    means = [samples.inputs[samples.targets == c].mean(axis=0) for c in range(3)]
    assert np.array(means) == pytest.approx(np.array([(0, 2), (2, -2), (-2, -2)]), abs=0.05)
    assert samples.inputs[samples.targets == 0].std(axis=0) == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize(
    ("gate", "outputs"),
    [
        ("or", [0, 1, 1, 1]),
        ("and", [0, 0, 0, 1]),
        ("nor", [1, 0, 0, 0]),
        ("nand", [1, 1, 1, 0]),
        ("xor", [0, 1, 1, 0]),
    ],
)
def test_gates_are_their_truth_tables(gate: str, outputs: list[int]) -> None:
    samples = read(gate, source_set={"samples": 40, "noise": 0})
    assert samples.inputs[:4].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert samples.targets.tolist() == outputs * 10


def test_stress_strain_is_elastic_then_hardens() -> None:
    samples = read("stress-strain", source_set={"noise": 0})
    strain, stress = samples.inputs[:, 0], samples.targets
    elastic = strain < 250 / 200_000
    assert elastic.sum() > 150
    assert stress[elastic] == pytest.approx(200_000 * strain[elastic], rel=1e-4)
    plastic = strain[~elastic] - 250 / 200_000
    assert stress[~elastic] == pytest.approx(250 + 200 * (1 - np.exp(-30 * plastic)), rel=1e-4)


def test_noisy_sine() -> None:
    samples = read("noisy-sine", source_set={"noise": 0.2, "samples": 5000})
    residual = samples.targets - np.sin(samples.inputs[:, 0])
    assert residual.std() == pytest.approx(0.2, rel=0.05)
    assert samples.inputs.max() <= np.float32(2 * np.pi)


def test_a_swiss_roll_is_a_rolled_sheet() -> None:
    samples = read("swiss-roll")
    x, y, z = samples.inputs.T
    assert np.hypot(x, z) == pytest.approx(samples.targets, rel=1e-5)
    assert np.arctan2(z, x) == pytest.approx(np.angle(np.exp(1j * samples.targets)), abs=1e-4)
    assert samples.targets.min() >= 1.5 * np.pi and samples.targets.max() <= 4.5 * np.pi
    assert 0 <= y.min() and y.max() <= 21


def test_a_box_has_odd_frequencies() -> None:
    samples = read("box", source_set={"samples": 4000})
    x, y = samples.inputs[:, 0], samples.targets
    for number in range(1, 6):
        amplitude = 2 * np.mean(y * np.cos(np.pi * number * x))
        expected = 2 / (np.pi * number) * np.sin(np.pi * number / 2)
        assert amplitude == pytest.approx(expected, abs=0.05)


def test_lines_are_divided_by_a_line() -> None:
    samples = read("lines", source_set={"noise": 0})
    x, y = samples.inputs.T
    assert y - 0.5 * x == pytest.approx(samples.targets.astype(float), abs=1e-6)


def test_faces_of_one_person_are_alike_and_never_the_same() -> None:
    samples = read("faces", source_set={"samples": 120})
    assert samples.class_names == ("ada", "ben", "cleo", "dan", "eve", "finn")
    faces = samples.inputs.reshape(120, -1).astype(float)
    means = np.stack([faces[samples.targets == k].mean(axis=0) for k in range(6)])
    nearest = ((faces[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == samples.targets).mean() > 0.85
    assert len(np.unique(faces, axis=0)) == 120


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError, match="samples: must be at least 12"):
        read("moons", source_set={"samples": 3})


# -- Downloaded. Keras' own loader runs, against a server on this machine.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server of files, and the folder they are in."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", folder
        running.shutdown()
        thread.join()


@pytest.fixture
def small_mnist(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, dict[str, Any]]:
    """An mnist.npz of 60 digits behind Keras' loader; the cache folder, and what get_file got."""
    import keras.src.datasets.mnist as module
    from keras.src.utils import file_utils

    address, folder = server
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 28, 28), dtype=np.uint8)
    y = (np.arange(60) % 10).astype(np.uint8)
    np.savez(folder / "mnist.npz", x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])
    digest = hashlib.sha256((folder / "mnist.npz").read_bytes()).hexdigest()
    asked: dict[str, Any] = {"file_hash": digest, "times": 0}
    cache = tmp_path / "cache"
    cache.mkdir()

    def get_file(**options: Any) -> str:
        asked["times"] += 1
        assert len(options["file_hash"]) == 64  # Keras asks for a checksum itself
        options |= {"origin": f"{address}/mnist.npz", "file_hash": asked["file_hash"]}
        return str(file_utils.get_file(**options, cache_dir=str(cache)))

    monkeypatch.setattr(module, "get_file", get_file)
    monkeypatch.setenv("KERAS_HOME", str(cache))
    return cache, asked


def test_mnist_is_downloaded_checked_cached_and_split(
    small_mnist: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str], server: Any
) -> None:
    cache, asked = small_mnist
    data = datasets.load(config("mnist"))
    assert [len(part) for part in data.parts().values()] == [30, 10, 20]
    assert data.test.indices.tolist() == list(range(40, 60))
    assert data.samples.inputs.shape == (60, 28, 28, 1)
    assert data.samples.published
    said = capsys.readouterr()
    assert said.out == ""
    assert "Downloading data from" in said.err
    assert (cache / "datasets" / "mnist.npz").is_file()
    (server[1] / "mnist.npz").unlink()
    again = datasets.load(config("mnist"))  # from the cache: the server has nothing any more
    assert again.fingerprint == data.fingerprint
    assert asked["times"] == 2


def test_a_download_with_another_checksum_is_refused(
    small_mnist: tuple[Path, dict[str, Any]],
) -> None:
    small_mnist[1]["file_hash"] = "0" * 64
    with pytest.raises(DataError, match="mnist can't be downloaded .*hash"):
        read("mnist")


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("mnist", ["mnist.npz"]),
        ("fashion-mnist", ["train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]),
        ("cifar10", ["cifar-10-python.tar.gz", "cifar-10-batches-py-target_archive"]),
    ],
)
def test_offline_the_files_to_copy_are_named(
    name: str, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    import keras.src.utils.file_utils as file_utils

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise OSError("Network is unreachable")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(DataError) as error:
        read(name)
    text = str(error.value)
    assert text.startswith(f"{name} can't be downloaded (URL fetch failure")
    assert all(file in text for file in files)
    assert str(tmp_path / "datasets") in text
