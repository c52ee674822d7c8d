"""`mlzoo augmentations`, `data preview`, `augment write` and `--tta`, as a user calls them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mlzoo.data.policies import parse
from mlzoo.drawing import canvas
from tests.cli.shell import Mlzoo
from tests.cli.test_commands import document, predictions, succeeded


def test_presets_and_transforms_are_listed_with_their_marks(mlzoo: Mlzoo) -> None:
    text = succeeded(mlzoo("augmentations")).out
    for word in ("lecture", "microscopy", "HorizontalFlip", "MagnitudeWarp", "GaussianNoise"):
        assert word in text
    found = document(mlzoo("augmentations", "--json"))
    assert found["images"]["transforms"]["CutMix"]["marks"]
    assert set(found) == {"images", "sequences", "tables"}


def test_a_preset_is_shown_as_a_policy_that_can_be_used(mlzoo: Mlzoo) -> None:
    shown = succeeded(mlzoo("augmentations", "show", "microscopy")).out
    Path("mine.yaml").write_text(shown)
    assert parse("mine.yaml").names() == ["Symmetry", "SmoothDeformation", "RelativeTone"]
    affine = succeeded(mlzoo("augmentations", "show", "Affine")).out
    assert "translate_percent" in affine
    wrong = mlzoo("augmentations", "show", "Afine")
    assert wrong.code == 2 and "did you mean 'Affine'" in wrong.cause


def test_a_preview_draws_samples_beside_their_variants(mlzoo: Mlzoo) -> None:
    words = ("data", "preview", "d/images", "--samples", 3, "--variants", 4)
    done = succeeded(mlzoo(*words, "--augment", "medium", "--picture", "look.png"))
    assert done.out.strip() == "look.png" and "augmentation medium: HorizontalFlip" in done.err
    rows = predictions(Path("look.csv").read_text())
    assert [int(row["variant"]) for row in rows] == [0, 1, 2, 3, 4] * 3
    assert all(not row["transforms"] for row in rows if row["variant"] == "0")
    assert any("Affine" in row["transforms"] for row in rows)
    with Image.open("look.png") as picture:
        assert picture.width > 5 * 150 and picture.height > 3 * 150
    found = document(mlzoo(*words, "--augment", "none", "--json"))
    assert found["steps"] == [] and Path("preview.png").is_file()


def test_a_preview_by_class_draws_images_of_each(mlzoo: Mlzoo) -> None:
    words = ("data", "preview", "digits", "--by-class", "--picture", "classes.png")
    found = document(mlzoo(*words, "--json"))
    assert found["classes"] == {str(digit): 12 for digit in range(10)}
    with Image.open("classes.png") as picture:
        assert picture.width > 9 * canvas.DPI and picture.height > 7 * canvas.DPI
    wrong = mlzoo(*words, "--variants", 2)
    assert wrong.code == 2 and "--variants: has no effect with --by-class" in wrong.err
    table = mlzoo("data", "preview", "iris", "--by-class")
    assert table.code == 2 and "is for images with a class each; these data are tables" in table.err


@pytest.mark.slow
def test_a_preview_shows_what_a_training_feeds(mlzoo: Mlzoo) -> None:
    """The first variant of each is drawn as the first epoch of that seed feeds it."""
    words = ("d/images", "--augment", "heavy", "--seed", 3)
    succeeded(mlzoo("data", "preview", *words, "--picture", "a.png"))
    small = ("--set", "filters=4", "--epochs", 1, "--name", "r", "--out", ".")
    succeeded(mlzoo("train", "cnn", *words, *small))
    ours, fed = Path("a.csv").read_text(), Path("r/plots/augmentation.csv").read_text()
    assert ours == fed
    np.testing.assert_array_equal(Image.open("a.png"), Image.open("r/plots/augmentation.png"))


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (("data", "preview", "d/images", "--augment", "mediun"), "did you mean 'medium'"),
        (("data", "preview", "d/images", "--picture", "x.jpg"), "a name that ends in .png"),
        (("data", "preview", "d/images", "--picture", "no/x.png"), "there is no folder no"),
        (("train", "cnn", "d/images", "--augment", "no.yaml"), "can't read the policy no.yaml"),
        (("augment", "write", "d/images", "o", "--policy", "none"), "no copies of it to write"),
        (("augment", "write", "digits", "o"), "no folder of images"),
        (("augment", "write", "d/images", "no/o"), "there is no folder no"),
        (("evaluate", "d", "--tta", "flips"), "is no run folder"),
    ],
)
def test_wrong_requests_are_told(mlzoo: Mlzoo, words: tuple[str, ...], cause: str) -> None:
    done = mlzoo(*words)
    assert done.code in (2, 3) and cause in done.err
    assert not Path("o").exists() and not list(Path().glob(".*partial"))


@pytest.mark.slow
def test_copies_are_written_with_a_list_and_stay_with_their_originals(mlzoo: Mlzoo) -> None:
    done = succeeded(mlzoo("augment", "write", "d/images", "out", "--copies", 2, "--seed", 5))
    assert "72 files in out" in done.out  # of 24 images
    rows = predictions(Path("out/augmented.csv").read_text())
    assert Counter(row["copy"] for row in rows) == {"0": 24, "1": 24, "2": 24}
    assert all(Path("out", row["file"]).is_file() for row in rows)
    assert not any(row["transforms"] for row in rows if row["copy"] == "0")
    assert sum(bool(row["transforms"]) for row in rows) > 40
    again = succeeded(mlzoo("augment", "write", "d/images", "out2", "--copies", 2, "--seed", 5))
    assert again.code == 0
    for row in rows:
        assert Path("out", row["file"]).read_bytes() == Path("out2", row["file"]).read_bytes()
    # A later split can't part them, and nothing is measured on copies.
    found = document(mlzoo("data", "inspect", "out", "--json"))
    originals = {row["file"]: row["original"] for row in rows}
    small = ("--set", "filters=4", "--epochs", 1, "--name", "r", "--out", ".")
    succeeded(mlzoo("train", "cnn", "out", *small))
    split = json.loads(Path("r/split.json").read_text())
    names = {name: set(part["names"]) for name, part in split["parts"].items()}
    assert not any("__copy" in name for part in ("valid", "test") for name in names[part])
    held = {originals[name] for part in ("valid", "test") for name in names[part]}
    assert not held & {originals[name] for name in names["train"]}
    assert found["parts"]["train"] == len(names["train"]) > 40


def test_masks_are_copied_with_their_images(mlzoo: Mlzoo, tmp_path: Path) -> None:
    """Each copy's mask marks the bright rectangle of its image."""
    succeeded(mlzoo("augment", "write", "d/pairs", "out", "--copies", 3, "--policy", "flips"))
    rows = predictions(Path("out/augmented.csv").read_text())
    assert Path("out/classes.txt").read_text() == "background\nforeground\n"
    for row in rows:
        image = np.asarray(Image.open(Path("out", row["file"])))
        mask = np.asarray(Image.open(Path("out", row["file"].replace("images/", "masks/"))))
        assert ((image > 110) == (mask == 1)).mean() > 0.99
    found = document(mlzoo("data", "inspect", "out", "--json"))
    assert found["task"] == "segmentation" and found["groups"] == len(rows) // 4


def test_a_damaged_list_of_copies_is_named(mlzoo: Mlzoo) -> None:
    succeeded(mlzoo("augment", "write", "d/images", "out", "--copies", 1))
    Path("out/augmented.csv").write_text("name,what\na,b\n")
    done = mlzoo("data", "inspect", "out")
    assert done.code == 3 and "augmented.csv is no list of augmented copies" in done.cause


@pytest.mark.slow
def test_test_time_augmentation_averages(mlzoo: Mlzoo, runs: Path) -> None:
    plain = predictions(succeeded(mlzoo("predict", runs / "images", "d/images")).out)
    flips = predictions(
        succeeded(mlzoo("predict", runs / "images", "d/images", "--tta", "flips")).out
    )
    first = list(plain[0])[0]
    assert [row[first] for row in plain] == [row[first] for row in flips]
    columns = [name for name in plain[0] if name.startswith("probability")] or list(plain[0])[2:]
    for row in flips:
        assert sum(float(row[name]) for name in columns) == pytest.approx(1, abs=1e-4)
    assert plain != flips
    scored = document(mlzoo("evaluate", runs / "images", "--tta", "flips", "--json"))
    assert scored["samples"] > 0
    painted = ("predict", runs / "masks", "d/pairs/images", "-o", "m", "--tta", "flips")
    succeeded(mlzoo(*painted))
    assert len(list(Path("m/masks").glob("*.png"))) > 0
    refused = mlzoo("predict", runs / "table", "d/ok.csv", "--tta", "flips")
    assert refused.code == 2 and "is for images" in refused.cause
