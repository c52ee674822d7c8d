"""Restoring images: how they are degraded, what is fed and scored, and what a run gives back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.contracts import task
from mlzoo.data.images.degradation import degrade
from mlzoo.data.masks.reader import Degradation
from mlzoo.data.recognition import recognize
from mlzoo.data.samples import Data
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.evaluating.evaluate import fit_baselines
from mlzoo.evaluating.evaluate_run import evaluate_run
from mlzoo.layers.receptive_field import reach
from mlzoo.models import unet
from mlzoo.reporting.mask_export import Folder
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge
from mlzoo.statistics.fields import RestorationSums, psnr, ssim
from mlzoo.training.loop.batches import build_batches
from mlzoo.training.train import train_merged
from tests.data.pictures import noise, save
from tests.training.made import config

SETTINGS: dict[str, Any] = {"model": "unet", "set": {"filters": 2, "depth": 1}}


def images(root: Path, count: int = 12, height: int = 20, width: int = 24) -> str:
    for number in range(count):
        save(root / f"{number:02d}.png", noise(number, height, width, channels=1))
    return str(root)


def arranged(data: str, restore: str | None, **more: Any) -> Data:
    return datasets.load(config(**SETTINGS, data=data, restore=restore, **more))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# -- Degradation


def test_noise_has_its_deviation_and_is_not_clipped() -> None:
    image = np.full((200, 200, 1), 0.9, "float32")
    noisy = degrade(image, Degradation(kind="noise", amount=0.35), rng())
    assert noisy.max() > 1.5 and noisy.dtype == np.float32
    assert np.std(noisy) == pytest.approx(0.35, abs=0.01)
    assert np.mean(noisy) == pytest.approx(0.9, abs=0.01)


def test_fewer_pixels_are_means_of_squares() -> None:
    image = np.indices((6, 7)).sum(axis=0).astype("float32")[..., None] / 12
    small = degrade(image, Degradation(kind="scale", amount=2), rng())
    assert small.shape == image.shape, "a side that is odd keeps its length"
    np.testing.assert_allclose(small[2:4, 2:4], image[2:4, 2:4], atol=0.03)  # a slope stays one
    stripes = np.tile([0.0, 1.0], (8, 4)).astype("float32")[..., None]
    np.testing.assert_allclose(degrade(stripes, Degradation(kind="scale", amount=2), rng()), 0.5)


def test_a_mask_blackens_whole_squares() -> None:
    holes = degrade(np.ones((400, 400, 3), "float32"), Degradation(kind="mask", amount=0.3), rng())
    squares = holes.reshape(100, 4, 100, 4, 3)
    assert (squares == squares[:, :1, :, :1, :1]).all()
    assert 1 - holes.mean() == pytest.approx(0.3, abs=0.02)


# -- What is fed


def test_noise_is_drawn_anew_each_epoch_and_stays_on_the_test_split(tmp_path: Path) -> None:
    data = arranged(images(tmp_path / "d"), "noise=.2")
    batches = build_batches(config(**SETTINGS, data="-", batch_size=4), data, 0)
    first, again = list(batches.epoch(0)), list(batches.epoch(0))
    np.testing.assert_array_equal(first[1][0], again[1][0])
    np.testing.assert_array_equal(first[1][0], next(batches.epoch(0, 1))[0])
    noises = [
        {
            clean.tobytes(): degraded - clean
            for x, y, _ in epoch
            for degraded, clean in zip(x, y, strict=True)
        }
        for epoch in (first, list(batches.epoch(1)))
    ]
    assert len(noises[0]) == len(data.train)
    assert all(abs(noises[0][key] - noises[1][key]).max() > 0.1 for key in noises[0])
    reread = arranged(images(tmp_path / "d"), "noise=.2")
    np.testing.assert_array_equal(data.test.inputs(), reread.test.inputs())
    one = data.test.image(1)
    np.testing.assert_array_equal(one, data.test.inputs()[1], "one by one or all together")
    assert data.fingerprint != arranged(images(tmp_path / "d"), "noise=.1").fingerprint


def test_crops_turn_before_they_are_degraded(tmp_path: Path) -> None:
    data = arranged(images(tmp_path / "d", height=70), "scale=2", tile=64, augment="flips")
    x, y, _ = next(build_batches(config(**SETTINGS, data="-"), data, 0).epoch(0))
    assert x.shape == y.shape == (14, 64, 64, 1), "two crops of each of seven images"
    how = Degradation(kind="scale", amount=2)
    for degraded, clean in zip(x, y, strict=True):
        np.testing.assert_allclose(degraded, degrade(clean, how, rng()), atol=1e-6)


def test_masks_and_classes_are_left_out(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        images(tmp_path / "d" / kind, 4)
    samples = loading.read(config(**SETTINGS, data=str(tmp_path / "d"), restore="mask=.5"))
    assert samples.class_names == () and samples.target.restores and samples.maximum == 1
    assert samples.targets[0].max() <= 1 and samples.targets.dtype == np.float32


@pytest.mark.parametrize("text", ["noise=0", "noise", "scale=1", "scale=2.5", "mask=1", "blur=2"])
def test_a_degradation_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write noise=.35"):
        config(**SETTINGS, data="-", restore=text)


def test_tables_can_not_be_restored(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n3,4\n" * 9)
    with pytest.raises(UsageError, match="--restore noise=0.1: needs images"):
        arranged(str(tmp_path / "t.csv"), "noise=.1", target="b")


# -- Pairs


def pairs(root: Path, count: int = 8) -> Path:
    images(root / "noisy", count)
    for number in range(count):
        save(root / "clean" / f"{number:02d}.png", noise(100 + number, 20, 24, channels=1))
    return root


def test_pairs_are_read_by_their_names(tmp_path: Path) -> None:
    root = pairs(tmp_path / "d")
    assert recognize(str(root)) == "image_pairs"
    data = arranged(str(root), None)
    at = list(data.samples.names).index("noisy/03.png")
    np.testing.assert_array_equal(data.samples.inputs[at] * 255, noise(3, 20, 24, 1)[..., None])
    np.testing.assert_array_equal(data.samples.targets[at] * 255, noise(103, 20, 24, 1)[..., None])
    with pytest.raises(UsageError, match="are pairs"):
        arranged(str(root), "noise=.1")


def test_pairs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    root = pairs(tmp_path / "d")
    save(root / "noisy" / "lonely.png", noise(50, 20, 24, channels=1))
    save(root / "clean" / "05.png", noise(51, 40, 48, channels=1))
    with pytest.raises(DataError) as told:
        arranged(str(root), None)
    assert "noisy/lonely.png: has no image called lonely in clean/" in str(told.value)
    assert "noisy/05.png: is 20x24, but its clean image is 40x48" in str(told.value)


def test_a_pair_of_equal_images_is_a_leak(tmp_path: Path) -> None:
    root = pairs(tmp_path / "d")
    (root / "clean" / "02.png").write_bytes((root / "noisy" / "02.png").read_bytes())
    with pytest.raises(DataError, match="1 of 8 degraded images equal their clean ones: noisy/02"):
        arranged(str(root), None)


# -- Scores


def test_signal_to_noise_and_similarity() -> None:
    assert psnr(np.array([0.01, 0.0])).tolist() == [20, 100]
    x = np.random.default_rng(0).random((24, 30, 2))
    assert ssim(x, x) == pytest.approx(1)
    a, b = np.full((20, 20, 1), 0.2), np.full((20, 20, 1), 0.6)
    assert ssim(a, b) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4))
    assert ssim(x, 1 - x) < 0, "contrast is turned round"


def test_scores_are_means_over_images() -> None:
    of = task("restoration")
    truth = np.zeros((20, 20, 1))
    counts = [of.count_image(None, 0, truth, truth + d) for d in (0.1, 0.01)]
    tally = of.tally(counts, None)
    assert isinstance(tally.counts, RestorationSums)
    assert tally.scores().tolist() == pytest.approx([20, 40])
    assert tally.counts.mean_psnr()(np.ones((1, 2)))[0] == pytest.approx(30)


def test_baselines_fit_the_degradation(tmp_path: Path) -> None:
    folder = images(tmp_path / "d")
    noisy = fit_baselines(arranged(folder, "noise=.3"))
    assert set(noisy) == {"identity", "mean", "linear", "median"}
    small = fit_baselines(arranged(folder, "scale=2"))
    assert set(small) == {"bicubic", "mean", "linear", "median"}
    image = np.zeros((9, 9, 1), "float32")
    image[4, 4] = 1
    assert not noisy["median"].predict(image).any() and noisy["identity"].predict(image).any()


# -- Models and runs


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_a_model_begins_with_the_image_as_it_is(stride: int) -> None:
    outputs = Outputs("restoration", 1, (0.4,), (0.2,))
    settings = unet.Config(filters=2, depth=1, stride=stride)
    built = unet.build(settings, Inputs((8, 8, 1), "image"), outputs)
    x = np.random.default_rng(0).random((2, 9, 8, 1)).astype("float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(built(x)), x, atol=1e-6)
    # Moved by whole squares of pixels, an image is restored in the same way.
    rng = np.random.default_rng(1)
    built.get_layer("head").set_weights([rng.normal(size=(1, 1, 2, 1)), np.zeros(1)])
    assert 4 * stride < reach(built) <= 40
    image = rng.random((1, 96, 16, 1)).astype("float32")
    whole, moved = built(image), built(image[:, 2 * stride :])
    rows = whole[0, 40 + 2 * stride : 56 + 2 * stride]
    np.testing.assert_allclose(rows, moved[0, 40:56], atol=1e-4)


def test_enlarged_images_are_restored_on_as_many_pixels_as_they_had(tmp_path: Path) -> None:
    folder = images(tmp_path / "d")
    for restore, stride in (("scale=2", 2), ("scale=4", 4), ("scale=3", None), ("noise=.1", None)):
        data = arranged(folder, restore)
        recipe = unet.recipe(data, config(**SETTINGS))
        assert recipe.settings.get("stride") == stride
        assert recipe.settings.get("batch_normalization") == (None if stride is None else False)


def test_a_run_enlarges_new_images_and_restores_them(tmp_path: Path) -> None:
    given = {**SETTINGS, "data": images(tmp_path / "d"), "restore": "scale=2", "epochs": 1}
    run = train_merged(merge({**given, "out": str(tmp_path / "runs")}))
    assert run.metrics["headline"]["name"] == "psnr"
    assert (run.path / "plots" / "restorations.png").is_file()
    again = evaluate_run(run)
    assert again["metrics"] == pytest.approx(run.metrics["test"]["metrics"])
    other = evaluate_run(run, images(tmp_path / "new", 3))
    assert other["samples"] == 3 and "bicubic" in other["baselines"]
    [painted] = run.masks(noise(7, 9, 11, channels=1)[None])
    assert painted.values.shape == painted.image.shape == (18, 22, 1)
    Folder(tmp_path / "out", run.reader, [painted.name], False).write(painted)
    assert Image.open(tmp_path / "out" / "restored" / "sample 0.png").size == (22, 18)
