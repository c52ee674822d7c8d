"""`mlzoo predict`, `evaluate`, `compare` and `data inspect` where every pixel is predicted."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import mlzoo as library
from mlzoo.data.images import enlarging
from mlzoo.reporting.mask_export import Folder
from tests.cli.shell import Mlzoo
from tests.cli.test_commands import document, predictions, succeeded
from tests.training.masks import folder, pair


def save(path: Path, height: int, width: int, seed: int = 99) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pair(seed, height, width)[0]).save(path)
    return path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    """Two images of other sizes than in training, one in a folder of its own."""
    save(tmp_path / "new" / "odd.png", 97, 101)
    save(tmp_path / "new" / "sub" / "wide.png", 20, 70)
    return tmp_path / "new"


def test_masks_have_the_size_of_their_images_and_say_their_classes(
    mlzoo: Mlzoo, runs: Path, new: Path
) -> None:
    done = succeeded(mlzoo("predict", runs / "masks", "new", "-o", "out"))
    rows = predictions(done.out)
    assert [row["file"] for row in rows] == ["masks/odd.png", "masks/sub/wide.png"]
    assert "2 images predicted, in out" in done.err
    for row, shape in zip(rows, ((97, 101), (20, 70)), strict=True):
        image = Image.open(Path("out") / row["file"])
        mask = np.asarray(image)
        assert image.mode == "P" and mask.shape == shape
        shares = [float(row["share_background"]), float(row["share_foreground"])]
        np.testing.assert_allclose(shares, [(mask == 0).mean(), (mask == 1).mean()], atol=1e-6)
        overlay = Image.open(Path("out") / row["file"].replace("masks", "overlays"))
        assert (overlay.mode, overlay.size) == ("RGB", shape[::-1])
    assert Path("out/classes.txt").read_text() == "0 background\n1 foreground\n"


def test_a_written_mask_can_be_trained_on(mlzoo: Mlzoo, runs: Path) -> None:
    """What predict writes is what train reads: the masks and the classes' names."""
    folder(Path("again"), 8)
    succeeded(mlzoo("predict", runs / "masks", "again/images", "-o", "said", "--no-overlays"))
    assert {path.name for path in Path("said").iterdir()} == {"masks", "classes.txt"}
    found = document(mlzoo("data", "inspect", "again", "--json"))
    for path in Path("said/masks").glob("*.png"):
        path.rename(Path("again/masks") / path.name)
    Path("said/classes.txt").rename("again/classes.txt")
    with Image.open(path := min(Path("again/masks").iterdir())) as mask:
        mask.putpixel((0, 0), 1)  # that of an untrained network may hold one class only
        mask.save(path)
    again = document(mlzoo("data", "inspect", "again", "--json"))
    assert [row["name"] for row in again["classes"]] == ["background", "foreground"]
    assert found["task"] == "segmentation"


def test_probabilities_agree_with_the_mask(mlzoo: Mlzoo, runs: Path, new: Path) -> None:
    succeeded(mlzoo("predict", runs / "masks", "new/odd.png", "-o", "out", "--probabilities"))
    said = np.load("out/probabilities/odd.npy", allow_pickle=False)
    assert (said.shape, said.dtype) == ((97, 101, 2), np.float16)
    np.testing.assert_allclose(said.astype(float).sum(axis=-1), 1, atol=2e-3)
    mask = np.asarray(Image.open("out/masks/odd.png"))
    sure = np.abs(said[..., 0].astype(float) - 0.5) > 1e-3
    np.testing.assert_array_equal(said.argmax(axis=-1)[sure], mask[sure])


@pytest.mark.slow
def test_a_resized_image_s_mask_is_that_of_its_probabilities(
    mlzoo: Mlzoo, runs: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("--set", "filters=2", "--set", "depth=1", "--epochs", 1, "--name", "resized")
    succeeded(mlzoo("train", "unet", "d/pairs", "--size", "12x16", *small))
    run = library.load("saved_models/resized")
    image = np.asarray(Image.open("new/odd.png"))[None, ..., None]
    found = next(run.masks(image, outputs=True))
    assert found.outputs is not None and found.outputs.shape == (97, 101, 2)
    np.testing.assert_array_equal(found.outputs.argmax(axis=-1), found.values)
    assert np.unique(found.values).tolist() == [0, 1]
    said = run.outputs(found.image[None])[0]
    assert said.shape == (12, 16, 2)
    expected = [cv2.resize(channel, (101, 97)) for channel in np.moveaxis(said, -1, 0)]
    np.testing.assert_allclose(found.outputs, np.stack(expected, axis=-1), atol=1e-5)
    # The same some rows at a time, and where the probabilities are not asked for.
    monkeypatch.setattr(enlarging, "ENLARGED", 500)
    again = next(run.masks(image))
    assert again.outputs is None
    np.testing.assert_array_equal(again.values, found.values)


@pytest.mark.slow
def test_nothing_is_written_without_a_folder(mlzoo: Mlzoo, runs: Path, new: Path) -> None:
    done = succeeded(mlzoo("predict", runs / "masks", "new"))
    assert set(predictions(done.out)[0]) == {"name", "share_background", "share_foreground"}
    assert "--output FOLDER" in done.err
    assert {path.name for path in Path().iterdir()} == {"d", "new"}
    rows = document(mlzoo("predict", runs / "masks", "new", "--json"))
    assert [row["name"] for row in rows] == ["odd.png", "sub/wide.png"]


@pytest.mark.slow
def test_tiles_are_another_way_to_the_same_mask(mlzoo: Mlzoo, runs: Path) -> None:
    save(Path("large.png"), 300, 410)
    for name, more in (("whole", ("none",)), ("tiles", (128, "--overlap", 64))):
        words = ("predict", runs / "masks", "large.png", "-o", name, "--probabilities", "--tile")
        succeeded(mlzoo(*words, *more))
    whole, tiles = (np.load(f"{n}/probabilities/large.npy") for n in ("whole", "tiles"))
    difference = np.abs(whole.astype(float) - tiles.astype(float))[:256, :352]
    assert difference.max() < 2e-3  # float16; the network sees 2 levels, 24 pixels


@pytest.mark.parametrize(
    ("words", "code", "fragment"),
    [
        (("masks", "new", "--no-overlays"), 2, "--no-overlays: has no effect without --output"),
        (("masks", "new", "--probabilities"), 2, "--probabilities: has no effect without --output"),
        (("masks", "new", "-o", "new/odd.png"), 2, "is a file; give a folder for the masks"),
        (("masks", "new", "--overlap", 32), 2, "--overlap: has no effect without --tile"),
        (("masks", "new", "--tile", "many"), 2, "--tile: must be a whole number or"),
        (("masks", "new", "--tile", 100), 2, "--tile: must be a multiple of 32"),
        (("fields", "d/fields.npz", "-o", "o", "--no-overlays"), 2, "has no effect on fields"),
        (
            ("images", "d/images", "--no-overlays"),
            2,
            "--no-overlays: has no effect on classification",
        ),
        (("images", "d/images", "--tile", 64), 2, "--tile: has no effect on classification"),
        (("masks", "d/ok.csv"), 3, "d/ok.csv: not an image"),
        (("masks", "d/truncated"), 3, "a/cut.jpg: cut short or damaged"),
        (("masks", "nowhere"), 2, "'nowhere' is not there"),
    ],
)
def test_wrong_requests(
    mlzoo: Mlzoo, runs: Path, new: Path, words: tuple, code: int, fragment: str
) -> None:
    run, *rest = words
    done = mlzoo("predict", runs / run, *rest)
    assert done.code == code and fragment in done.err, done.err
    assert not Path("o").exists()


@pytest.mark.slow
def test_files_are_replaced_only_on_request(mlzoo: Mlzoo, runs: Path, new: Path) -> None:
    words = ("predict", runs / "masks", "new", "-o", "out")
    succeeded(mlzoo(*words))
    before = Path("out/masks/odd.png").read_bytes()
    done = mlzoo(*words)
    assert done.code == 2 and "out/masks/odd.png exists already" in done.err
    succeeded(mlzoo(*words, "--overwrite"))
    assert Path("out/masks/odd.png").read_bytes() == before
    save(Path("other/odd.jpg"), 10, 10)
    done = mlzoo("predict", runs / "masks", "new/odd.png", "other/odd.jpg", "-o", "two")
    assert done.code == 2 and "two images would have their results in odd" in done.err


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (("new", "other"), "results in odd: rename one (odd.png, odd.jpg)"),
        (("new", "old"), "out/masks/z.png exists already; choose another"),
        (("new", "over"), "out/overlays/y.png exists already; choose another"),
        (("new", "nowhere"), "'nowhere' is not there"),
    ],
)
def test_what_can_not_be_written_is_told_before_anything_is(
    mlzoo: Mlzoo, runs: Path, new: Path, words: tuple, fragment: str
) -> None:
    for path in (
        "other/odd.jpg",
        "old/z.png",
        "over/y.png",
        "out/masks/z.png",
        "out/overlays/y.png",
    ):
        save(Path(path), 10, 10)
    done = mlzoo("predict", runs / "masks", *words, "-o", "out")
    assert done.code == 2 and fragment in done.err
    files = [str(path) for path in sorted(Path("out").rglob("*.*"))]
    assert files == ["out/masks/z.png", "out/overlays/y.png"]


@pytest.mark.slow
def test_what_an_earlier_prediction_left_is_not_kept(mlzoo: Mlzoo, runs: Path, new: Path) -> None:
    words = ("predict", runs / "masks")
    succeeded(mlzoo(*words, "new", "-o", "o", "--probabilities"))
    succeeded(mlzoo(*words, "new/odd.png", "-o", "o", "--overwrite", "--no-overlays"))
    files = {str(path.relative_to("o")) for path in Path("o").rglob("*.*")}
    wide = {"masks/sub/wide.png", "overlays/sub/wide.png", "probabilities/sub/wide.npy"}
    assert files == {"classes.txt", "masks/odd.png", *wide}


def test_a_folder_of_images_with_masks_gives_the_images(mlzoo: Mlzoo, runs: Path) -> None:
    folder(Path("more"), 3)
    done = succeeded(mlzoo("predict", runs / "masks", "more", "-o", "out"))
    rows = predictions(done.out)
    assert [row["name"] for row in rows] == [f"images/{i:02d}.png" for i in range(3)]
    assert "warning: more holds images with their masks; the 3 images are taken" in done.err


@pytest.mark.slow
def test_what_predict_wrote_can_be_scored(mlzoo: Mlzoo, runs: Path) -> None:
    folder(Path("more"), 5, 33, 47)
    succeeded(mlzoo("predict", runs / "masks", "more/images", "-o", "said"))
    Path("more/images").rename("said/images")
    found = document(mlzoo("evaluate", runs / "masks", "said", "--json"))
    assert found["metrics"]["pixel_accuracy"] == 1


@pytest.mark.slow
def test_evaluate_scores_other_masks_by_image(mlzoo: Mlzoo, runs: Path) -> None:
    folder(Path("more"), 5, 33, 47)
    found = document(mlzoo("evaluate", runs / "masks", "more", "--json"))
    assert (found["samples"], found["interval_unit"], found["part"]) == (5, "images", "all")
    assert np.sum(found["metrics"]["confusion"]) == 5 * 33 * 47
    own = document(mlzoo("evaluate", runs / "masks", "d/pairs", "--json"))
    assert own["trained_on"] == 12
    Image.fromarray(np.full((33, 47), 9, np.uint8)).save("more/masks/00.png")
    done = mlzoo("evaluate", runs / "masks", "more")
    assert done.code == 3 and "images/00.png (9)" in done.err


@pytest.mark.slow
def test_the_terminal_has_each_class_beside_the_linear_baseline(mlzoo: Mlzoo, runs: Path) -> None:
    test = json.loads((runs / "masks" / "metrics.json").read_text())["test"]
    lines = [line.split() for line in succeeded(mlzoo("evaluate", runs / "masks")).out.splitlines()]
    place = lines.index("class iou linear iou dice precision recall boundary_f1".split())
    for line, row, other in zip(
        lines[place + 1 :],
        test["metrics"]["per_class"],
        test["baselines"]["linear"]["per_class"],
        strict=True,
    ):
        figures = (row["iou"], other["iou"], row["dice"])
        assert line[:4] == [row["class"], *(f"{number:.4g}" for number in figures)]
    folder(Path("more"), 5, 33, 47)
    assert "linear" not in succeeded(mlzoo("evaluate", runs / "masks", "more")).out


def test_fields_are_written_as_arrays(mlzoo: Mlzoo, runs: Path) -> None:
    done = succeeded(mlzoo("predict", runs / "fields", "d/fields.npz", "-o", "out"))
    rows = predictions(done.out)
    assert len(rows) == 12 and set(rows[0]) == {"name", "file", "mean_field0", "mean_field1"}
    first = np.load(Path("out") / rows[0]["file"], allow_pickle=False)
    assert (first.shape, first.dtype) == ((16, 16, 2), np.float32)
    assert float(rows[0]["mean_field0"]) == pytest.approx(first[..., 0].mean(), abs=1e-5)


@pytest.mark.slow
def test_two_segmentations_are_compared_on_the_same_images(mlzoo: Mlzoo, runs: Path) -> None:
    small = ("--set", "filters=2", "--set", "depth=1", "--epochs", 1, "--name", "other")
    succeeded(mlzoo("train", "unet", "d/pairs", *small))
    found = document(mlzoo("compare", runs / "masks", "saved_models/other", "--json"))
    pair_ = found["pairs"][0]
    values = {row["run"]: row["value"] for row in found["rows"]}
    assert pair_["difference"] == pytest.approx(values[pair_["first"]] - values[pair_["second"]])
    assert (pair_["metric"], pair_["unit"], pair_["samples"]) == ("mean_iou", "images", 3)


def test_inspection_counts_pixels(mlzoo: Mlzoo) -> None:
    found = document(mlzoo("data", "inspect", "d/pairs", "--json"))
    pixels = {row["name"]: row["pixels"] for row in found["classes"]}
    assert pixels == {"background": 15 * (24 * 31 - 8 * 10), "foreground": 15 * 80}
    assert "images" in succeeded(mlzoo("data", "inspect", "d/pairs")).out


def test_help_speaks_of_masks_too(mlzoo: Mlzoo) -> None:
    train, predict = (
        " ".join(mlzoo(*words).out.split())
        for words in (("train", "--help-all"), ("predict", "--help"))
    )
    for words in (
        "drawn with the seed; where each has a class, in proportion",
        "Of samples, of pixels for masks, of steps for labeling: none, auto (inverse frequency)",
        "of masks, a third of the crops (--tile) centered on pixels of rarer classes",
    ):
        assert words in train
    assert "one row each; masks and fields of images go into a folder." in predict


def test_python_gives_masks_of_any_size(runs: Path, new: Path) -> None:
    run = library.load(runs / "masks")
    found = run.predict(new)
    assert [mask.shape for mask in found.labels] == [(97, 101), (20, 70)]
    image = np.asarray(Image.open(new / "odd.png"))[None, ..., None]
    np.testing.assert_array_equal(run.predict(image).labels[0], found.labels[0])
    painted = next(run.masks(image, outputs=True))
    assert painted.outputs is not None
    np.testing.assert_array_equal(painted.outputs.argmax(axis=-1), painted.values)


def test_the_card_tells_of_each_class(runs: Path) -> None:
    card = (runs / "masks" / "README.md").read_text()
    test = json.loads((runs / "masks" / "metrics.json").read_text())["test"]
    linear = test["baselines"]["linear"]["per_class"]
    assert "| Class | IoU | linear: IoU | Dice |" in card
    for row, other in zip(test["metrics"]["per_class"], linear, strict=True):
        figures = row["class"], *(f"{n:.4g}" for n in (row["iou"], other["iou"], row["dice"]))
        assert f"| {' | '.join(figures)} |" in card
    assert "plots/segmentation.png" in card and "| mean IoU | higher |" in card


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_predictions_of_masks_say_how_to_go_on(
    mlzoo: Mlzoo, runs: Path, new: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Folder.write

    def write_one(folder: Folder, *given: Any) -> str:
        file = written(folder, *given)
        signal.raise_signal(number)
        return file

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "write", write_one)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        stopped = mlzoo("predict", runs / "masks", "new", "-o", "out")
        signal.signal(signal.SIGINT, before)
    assert stopped.code == 128 + number
    advice = "run the same command again with --overwrite, which replaces what is in out"
    assert stopped.err.splitlines()[-1] == f"stopped while predicting; {advice}"
    assert [path.name for path in Path("out/masks").iterdir()] == ["odd.png"]
    Image.open("out/masks/odd.png").load()
    done = succeeded(mlzoo("predict", runs / "masks", "new", "-o", "out", "--overwrite"))
    assert len(predictions(done.out)) == 2
