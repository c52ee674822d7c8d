"""Masks of images by the member of several that never saw them."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import keras
import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import UsageError
from mlzoo.data.specs import target_of
from mlzoo.runs.config_loading import merge
from mlzoo.training import members
from mlzoo.training.scoring.out_of_fold import _replay, check_out_of_fold
from mlzoo.training.train import train_merged
from tests.training import made
from tests.training.masks import folder, pair

SIZES = {"08.png": (20, 40), "09.png": (33, 25)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    root = folder(tmp_path_factory.mktemp("data") / "pairs", 8, 80, 80)
    for seed, (name, size) in enumerate(SIZES.items()):
        for kind, picture in zip(("images", "masks"), pair(seed, *size), strict=True):
            Image.fromarray(picture).save(root / kind / name)
    flags = {
        "data": str(root),
        "set": {"filters": 2, "depth": 1, "convolutions": 1},
        "fractions": "80/20/0",
        "preset": "good",
        "baselines": "fast",
        "pictures": "none",
        "tile": 64,
        "sampler": "balanced",
        "tolerance": 2,
        "epochs": 1,
        "out": str(root.parent / "runs"),
    }
    return train_merged(merge({"model": "unet", "folds": 2, "name": "run", **flags}))


def test_every_image_has_a_mask_by_the_member_that_never_saw_it(run) -> None:
    assert run.config.set["depth"] == 1 and run.config.augment == "auto"  # given, and planned
    test = run.metrics["test"]
    assert (test["part"], test["samples"], test["tolerance"]) == ("out_of_fold", 10, 2)
    assert run.metrics["out_of_fold"]["metrics"] == test["metrics"]
    assert test["baselines"]["linear"]["mean_iou"] > test["baselines"]["majority"]["mean_iou"]
    assert 0 <= test["metrics"]["tolerant_f1"] <= 1
    with (run.path / "out_of_fold.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(10))
    assert sorted({row["fold"] for row in rows}) == ["1", "2"]
    root = Path(run.config.data)
    with np.load(run.path / "out_of_fold.npz") as saved:
        for row in rows:
            name = Path(row["name"]).name
            outputs, truth = saved[row["index"]], np.asarray(Image.open(root / "masks" / name))
            assert outputs.shape == (*SIZES.get(name, (80, 80)), 2)
            np.testing.assert_allclose(outputs.sum(axis=-1), 1, atol=2e-3)
            found = (outputs.argmax(axis=-1) == 1) & (truth > 0)
            assert found.sum() == int(row["found_foreground"])


def test_the_members_masks_are_not_those_of_their_mean(run) -> None:
    root = Path(run.config.data)
    with np.load(run.path / "out_of_fold.npz") as saved, (run.path / "out_of_fold.csv").open() as f:
        row = next(csv.DictReader(f))
        outputs = saved[row["index"]].astype("float32")
    [painted] = run.masks(root / "images" / Path(row["name"]).name, outputs=True)
    assert np.abs(painted.outputs - outputs).max() > 1e-3


def test_probabilities_of_masks_are_half_as_large_in_memory_and_scored_in_full() -> None:
    image = np.random.default_rng(0).normal(size=(8, 12, 1)).astype("float32")
    entry = keras.Input((None, None, 1))
    model = keras.Model(entry, keras.layers.Conv2D(3, 1, activation="softmax")(entry))
    part = MagicMock()
    part.__len__.return_value, part.image.return_value = 1, image
    part.samples.reader.depth = 0
    [kept] = members._of_images(made.config(model="unet"), model, part)
    assert kept.dtype == np.float16
    np.testing.assert_allclose(kept, np.asarray(model(image[None]))[0], atol=5e-4)
    assert _replay([kept])(image[None]).dtype == np.float32


def test_steps_of_sequences_need_a_test_split() -> None:
    samples = SimpleNamespace(task="labeling", target=target_of("labeling"))
    with pytest.raises(UsageError, match="labeling needs a test split; only tasks with one"):
        check_out_of_fold(SimpleNamespace(samples=samples))  # type: ignore[arg-type]
