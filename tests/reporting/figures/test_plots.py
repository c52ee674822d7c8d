"""Pictures: their files, their numbers, and inputs that are odd."""

from __future__ import annotations

import csv
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlzoo.drawing import pictures
from mlzoo.reporting.figures import plots


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def pixels(path: Path) -> np.ndarray:
    """RGB (height, width, 3) of a picture that is not blank and whose edge is clean."""
    found = np.asarray(Image.open(path).convert("RGB"))
    assert found.std() > 1
    edge = (found[0], found[-1], found[:, 0], found[:, -1])
    assert all((line == 255).all() for line in edge), "something is cut off"
    return found


def history(epochs: int) -> list[dict[str, Any]]:
    return [
        {
            "epoch": e,
            "loss": 2.0 / e,
            "accuracy": 1 - 1 / (e + 1),
            "val_loss": 2.5 / e,
            "val_accuracy": 0.9 - 1 / (e + 2),
            "learning_rate": 1e-3 if e < 5 else 1e-4,
            "seconds": 1.5,
        }
        for e in range(1, epochs + 1)
    ]


def test_learning_curves_write_picture_and_numbers(tmp_path: Path) -> None:
    path = plots.learning_curves(tmp_path / "plots", history(9), kept_epoch=7)
    assert path == tmp_path / "plots" / "learning_curves.png"
    pixels(path)
    header, *found = rows(path.with_suffix(".csv"))
    assert header == list(history(1)[0])
    assert [float(row[header.index("val_loss")]) for row in found] == [
        2.5 / e for e in range(1, 10)
    ]


@pytest.mark.parametrize(("epochs", "panels"), [(4, 2), (9, 3)])
def test_the_learning_rate_is_drawn_where_it_changes(epochs: int, panels: int) -> None:
    header = list(history(1)[0])
    assert len(plots._curves(history(epochs), header)) == panels


@pytest.mark.parametrize(
    "odd",
    [
        [{"epoch": 1, "loss": 0.5}],
        [{"epoch": 1, "loss": 1.0, "val_loss": float("nan")}, {"epoch": 2, "loss": None}],
        [{"epoch": 1, "loss": 1e5, "a$b": 1.0, "other_$": 2.0}, {"epoch": 2, "loss": 1e-3}],
    ],
)
def test_odd_histories(tmp_path: Path, odd: list[dict[str, Any]]) -> None:
    pixels(plots.learning_curves(tmp_path, odd, kept_epoch=1))


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 3, 12, 15, 100])
def test_confusion_matrix_of_any_size(tmp_path: Path, classes: int) -> None:
    counts = np.diag(np.arange(classes))
    counts[0, -1] = 3
    names = [f"a rather long class name ${i}$ | *" for i in range(classes)]
    picture = pixels(plots.confusion_matrix(tmp_path, counts.tolist(), names))
    assert max(picture.shape) < 1600
    header, *found = rows(tmp_path / "confusion_matrix.csv")
    assert header[1:] == [row[0] for row in found] == names
    np.testing.assert_array_equal(np.array(found)[:, 1:].astype(int), counts)


def test_letters_that_the_font_lacks_are_no_warning(tmp_path: Path) -> None:
    plots.confusion_matrix(tmp_path, [[1, 0], [0, 1]], ["亀裂", "健全"])
    assert rows(tmp_path / "confusion_matrix.csv")[1][0] == "亀裂"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1,), (30,), (30, 1), (2000, 3)])
def test_residuals(tmp_path: Path, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=shape)
    said = targets + rng.normal(size=shape)
    names = ["strain ($)", "b", "c"][: 1 if len(shape) == 1 else shape[1]]
    pixels(plots.residuals(tmp_path, targets, said, names))
    header, *found = rows(tmp_path / "residuals.csv")
    assert header[:2] == ["strain ($) true", "strain ($) predicted"]
    np.testing.assert_array_equal(
        np.array(found).astype(float)[:, 0::2], targets.reshape(shape[0], -1)
    )
    np.testing.assert_array_equal(
        np.array(found).astype(float)[:, 1::2], said.reshape(shape[0], -1)
    )


@pytest.mark.parametrize(
    "shape", [(32, 8, 8, 1), (40, 20, 30, 3), (1, 8, 8, 1), (3, 90, 20, 4), (5, 600, 10, 2)]
)
def test_sample_grids_of_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(1, 255, size=shape).astype("uint8")
    labels = [f"a long class name {i}" for i in range(len(images))]
    path = pictures.sample_grid(tmp_path, images, labels, "image", maximum=255)
    pixels(path)
    header, *found = rows(tmp_path / "samples.csv")
    assert header == ["label", "minimum", "mean", "maximum"]
    assert len(found) == min(32, len(images))
    assert float(found[0][2]) == pytest.approx(images[0].mean())


def test_an_image_is_drawn_as_it_is(tmp_path: Path) -> None:
    image = np.zeros((1, 2, 2, 1), "float32")
    image[0, 0, 0] = 16
    picture = pixels(pictures.sample_grid(tmp_path, image, ["x"], "image", maximum=16))
    dark = np.argwhere(picture.sum(axis=2) == 0)
    top, left = dark.min(axis=0)
    bottom, right = dark.max(axis=0)
    quarter = picture[top + 3 : (top + bottom) // 2 - 3, left + 3 : (left + right) // 2 - 3]
    assert (quarter == 255).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 8])
def test_pictures_of_any_depth(channels: int) -> None:
    image = np.zeros((4, 5, channels), "uint16")
    image[0, 0] = 65535
    found = pictures.as_picture(image, 65535)
    assert found.shape == (4, 5, 3)
    assert found.max() == 1 and found[1:].max() == 0
    flat = pictures.as_picture(np.full((4, 5, channels), 7.0))
    assert np.isfinite(flat).all()


def test_a_table_is_drawn_with_its_columns(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(20, 4))
    table[3, 1] = np.nan
    table[:, 2] = 5
    table[:, 3] = np.nan
    names = ["pH", "alcohol in percent of volume", "a|b", "$"]
    pixels(pictures.sample_grid(tmp_path, table, [1.5] * 20, "table", names))
    header, *found = rows(tmp_path / "samples.csv")
    assert header == ["label", *names]
    assert found[0][0] == "1.5"
    assert float(found[0][1]) == table[0, 0]


@pytest.mark.parametrize("shape", [(32, 784), (2, 50, 3), (2, 20, 30)])
def test_arrays_are_drawn(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape)
    pixels(pictures.sample_grid(tmp_path, array, list(range(len(array))), "array"))


@pytest.mark.parametrize("shape", [(3, 20, 8, 9, 1), (2, 3, 8, 8, 3)])
def test_films_are_drawn_as_strips_of_frames(tmp_path: Path, shape: tuple[int, ...]) -> None:
    films = np.zeros(shape, "float32")
    films[:, 0] = 1
    films[:, -1, 0, 0] = 1  # the last frame is there too, dark but for a corner
    strip = pictures.strips(films)[0]
    count = min(8, shape[1])
    assert strip.shape == (shape[2], count * (shape[3] + 1) - 1, shape[4])
    assert (strip[:, : shape[3] + 1] == 1).all() and strip[-1, -1, 0] == 0
    assert strip[0, -shape[3], 0] == 1
    pixels(pictures.sample_grid(tmp_path, films, ["left"] * shape[0], "array"))
    header, *found = rows(tmp_path / "samples.csv")
    assert header == ["label", "minimum", "mean", "maximum"] and len(found) == shape[0]


def test_the_surest_mistakes_come_first(tmp_path: Path) -> None:
    targets = np.array([0, 0, 1, 1, 0])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.99, 0.01], [0.5, 0.5]])
    read = []

    def images(positions: np.ndarray) -> np.ndarray:
        read.extend(positions.tolist())
        return np.random.default_rng(0).random((len(positions), 6, 6, 1))

    names = [f"{i}.png" for i in range(5)]
    path = pictures.mistakes(tmp_path, images, targets, probabilities, ["ok", "crack"], names)
    assert path is not None
    pixels(path)
    assert read == [3, 1, 2]
    assert rows(tmp_path / "mistakes.csv") == [
        ["sample", "true", "predicted", "probability"],
        ["3.png", "crack", "ok", "0.99"],
        ["1.png", "ok", "crack", "0.8"],
        ["2.png", "crack", "ok", "0.6"],
    ]


def test_no_mistakes_no_picture(tmp_path: Path) -> None:
    assert pictures.mistakes(tmp_path, lambda i: i, np.array([0, 1]), np.eye(2), ["a", "b"]) is None
    assert not (tmp_path / "mistakes.png").exists()
    assert len(rows(tmp_path / "mistakes.csv")) == 1


def test_pictures_need_no_pyplot_and_no_keras() -> None:
    code = (
        "import sys; import mlzoo.reporting.figures.plots, mlzoo.drawing.pictures, "
        "mlzoo.reporting.card, mlzoo.evaluating.evaluate, mlzoo.baselines.linear; "
        "heavy = {'matplotlib.pyplot', 'keras', 'tensorflow', 'sklearn', 'pandas'}; "
        "print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_gradients_by_lag_leave_out_what_is_not_known(tmp_path: Path) -> None:
    path = plots.gradient_lags(tmp_path, np.array([1.0, 0.1, 0.0, np.nan]))
    assert path.name == "gradient_lags.png" and path.stat().st_size > 1000
    written = (tmp_path / "gradient_lags.csv").read_text(encoding="utf-8").splitlines()
    assert written == ["lag,gradient norm", "0,1.0", "1,0.1", "2,0.0"]
