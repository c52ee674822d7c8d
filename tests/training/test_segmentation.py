"""Training on masks: what the network is fed, exact resume, weights of classes, losses."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from mlzoo.api import Run
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.validation.values import losses_for
from mlzoo.data.images import tiles
from mlzoo.evaluating.evaluate_run import evaluate_run
from mlzoo.runs import datasets, devices
from mlzoo.runs.config_loading import merge
from mlzoo.runs.results import Painted
from mlzoo.training.building import build_model, check_task
from mlzoo.training.checkpoints import weights_sha256
from mlzoo.training.compiling import compile_model, measure
from mlzoo.training.loop.batches import build_batches, class_weights, validation
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from mlzoo.training.train import train_merged
from tests.training.made import LEAN
from tests.training.masks import folder
from tests.training.test_resume import CopyAt, CountSteps

SHALLOW = {"filters": 2, "depth": 1, "convolutions": 1}
SMALL = {"set": SHALLOW, "epochs": 2, "early_stopping": 0}


def config(data: Path, **more: Any):
    given = {"model": "unet", "data": str(data), **LEAN, **SMALL, **more}
    return merge({name: value for name, value in given.items() if value is not None})


def run(data: Path, out: Path, name: str, listener: Listener | None = None, **more: Any) -> Run:
    return train_merged(config(data, out=str(out), name=name, **more), listener=listener)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("data") / "pairs")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of 97x101 pixels."""
    return folder(tmp_path_factory.mktemp("data") / "odd", 10, 97, 101)


@pytest.mark.slow
def test_a_network_learns_bright_rectangles(pairs: Path, tmp_path: Path) -> None:
    more = {"epochs": 40, "set": {"filters": 4, "depth": 2}, "learning_rate": 0.01}
    done = run(pairs, tmp_path, "learnt", augment="flips", keep="last", baselines="fast", **more)
    test = done.metrics["test"]
    assert test["metrics"]["mean_iou"] > 0.9
    assert test["baselines"]["majority"]["mean_iou"] < 0.5
    assert done.metrics["headline"]["name"] == "mean_iou"
    assert test["interval_unit"] == "images" and test["units"] == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"augment": "microscopy"},
        pytest.param(
            {"augment": "flips", "tile": 64, "overlap": 32, "schedule": "plateau"},
            marks=pytest.mark.backends,
        ),
    ],
)
def test_a_cut_changes_no_bit(odd: Path, tmp_path: Path, more: dict[str, Any]) -> None:
    chosen = config(odd, batch_size=4, checkpoint_every=0, **more).config
    data = datasets.load(chosen)
    # Images of 97x101 make 4 tiles of 64 each: 24 crops of the 6 training images.
    steps = 6 if "tile" in more else 2
    point = steps + 1  # after the first epoch's state was kept

    def fit(folder: Path, listener: Listener) -> str:
        model = build_model(chosen, data, 0)
        training = Training(model, data, chosen, folder, 0, listener, Stop())
        assert training.batches.steps == steps
        training.fit()
        return weights_sha256(model)

    (tmp_path / "whole").mkdir()
    copies, rest = CopyAt(tmp_path / "whole", {point}), CountSteps()
    whole = fit(tmp_path / "whole", copies)
    assert fit(tmp_path / f"cut-{point}", rest) == whole
    assert rest.done == copies.done - steps


def test_no_augmentation_feeds_the_files_bit_for_bit(pairs: Path) -> None:
    data = datasets.load(config(pairs).config)
    batches = build_batches(config(pairs, batch_size=4).config, data, 0)
    inputs, targets, weights = next(batches.epoch(0))
    assert weights is None
    place = {name: i for i, name in enumerate(data.samples.names)}
    for image, mask, name in zip(inputs, targets, batches.names(0, 0), strict=True):
        np.testing.assert_array_equal(image, data.samples.inputs[place[name]])
        np.testing.assert_array_equal(mask, data.samples.targets[place[name]])


def test_a_batch_has_about_half_a_million_pixels(tmp_path: Path) -> None:
    large = folder(tmp_path / "large", 10, 300, 400)
    data = datasets.load(config(large).config)
    assert build_batches(config(large).config, data, 0).batch_size == 4
    for asked, size in (("full", 6), (3, 3), ("auto", 4)):
        assert build_batches(config(large, batch_size=asked).config, data, 0).batch_size == size
    tiled = config(large, tile=64)
    crops = build_batches(tiled.config, datasets.load(tiled.config), 0)
    assert crops.batch_size == 32 and crops.steps == -(-6 * 5 * 7 // 32)


@pytest.mark.slow
def test_class_weights_count_pixels_and_scale_the_loss(pairs: Path) -> None:
    plain, heavy = config(pairs, loss="crossentropy").config, None
    data = datasets.load(plain)
    counts = data.samples.pixels[data.train.indices].sum(axis=0)
    weights = class_weights("auto", data)
    np.testing.assert_allclose(weights, counts.sum() / (2 * counts))
    heavy = config(pairs, loss="crossentropy", class_weights="auto").config
    model = build_model(plain, data, 0)
    inputs, targets = data.valid.inputs(), data.valid.targets
    said = keras.ops.convert_to_numpy(model(inputs, training=False))
    own = -np.log(np.take_along_axis(said, targets[..., None].astype(int), -1)[..., 0])
    for chosen, expected in ((plain, own.mean()), (heavy, (own * weights[targets]).mean())):
        compile_model(model, data, chosen, 1)
        assert measure(model, validation(data))["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_sum_of_all_losses_trains(pairs: Path, tmp_path: Path) -> None:
    loss = "+".join(f"{0.5 + i}*{name}" for i, name in enumerate(losses_for("segmentation")))
    given = {"loss": loss, "focal_gamma": 1, "tversky_beta": 0.6, "top_share": 0.2}
    done = run(pairs, tmp_path, "run", epochs=1, **given)
    assert np.isfinite(done.metrics["valid"]["loss"])
    assert done.config.loss == loss


@pytest.mark.slow
def test_weights_and_parameters_reach_the_losses(pairs: Path) -> None:
    data = datasets.load(config(pairs).config)
    model = build_model(config(pairs).config, data, 0)

    def loss(text: str, **more: Any) -> float:
        compile_model(model, data, config(pairs, loss=text, **more).config, 1)
        return measure(model, validation(data))["loss"]

    assert loss("2*dice+0.5*iou") == pytest.approx(2 * loss("dice") + 0.5 * loss("iou"), rel=1e-5)
    assert loss("auto") == pytest.approx(loss("crossentropy") + loss("dice"), rel=1e-5)
    assert loss("focal", focal_gamma=0) == pytest.approx(loss("crossentropy"), rel=1e-5)
    assert loss("topk", top_share=1) == pytest.approx(loss("crossentropy"), rel=1e-5)
    assert loss("tversky", tversky_beta=0.5) == pytest.approx(loss("dice"), rel=1e-3)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"loss": "dice", "class_weights": "auto"}, "has no effect on --loss dice: add one of"),
        ({"loss": "dice+huber"}, "--loss huber does not fit segmentation; choose crossentropy"),
        ({"loss": "mse"}, "--loss mse does not fit segmentation; choose crossentropy or focal"),
        ({"sampler": "balanced"}, "--sampler: sampler has no effect: it centers crops"),
        ({"optimizer": "lbfgs", "epochs": 1}, "--optimizer lbfgs is not for segmentation"),
    ],
)
def test_what_does_not_fit_masks_is_refused_before_keras_is_needed(
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setattr(devices, "prepare", lambda *_: pytest.fail("that took long"))
    with pytest.raises(UsageError, match=message.replace("*", r"\*")):
        run(pairs, tmp_path, "run", **more)


def test_models_say_which_tasks_they_are_for() -> None:
    with pytest.raises(
        UsageError,
        match="cnn is for classification, multilabel, ordinal and regression.*choose unet",
    ):
        check_task("cnn", "segmentation")
    with pytest.raises(UsageError, match="unet is for fields, instances, restoration and segm"):
        check_task("unet", "classification")
    check_task("unet_two_decoders", "fields")


@pytest.mark.slow
def test_padding_does_not_count(tmp_path: Path) -> None:
    """Images of two sizes train in one frame; a score is that of the images alone."""
    root = folder(tmp_path / "mixed", 9, 40, 40)
    small = folder(tmp_path / "small", 6, 28, 36)
    for kind in ("images", "masks"):
        for path in (small / kind).iterdir():
            path.rename(root / kind / f"s{path.name}")
    done = run(root, tmp_path, "run", epochs=1)
    confusion = np.array(done.metrics["test"]["metrics"]["confusion"])
    sizes = [28 * 36 if name.startswith("images/s") else 1600 for name in _test_names(done)]
    assert confusion.sum() == sum(sizes)


@pytest.mark.slow
def test_images_are_cut_alike_in_scoring_and_in_predicting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by its own size, not by that of the largest."""
    monkeypatch.setattr(tiles, "LARGE", 3000)
    monkeypatch.setattr(tiles, "AUTO_SIDE", 32)
    root = folder(tmp_path / "mixed", 8, 40, 64)
    large = folder(tmp_path / "large", 8, 64, 96)
    for kind in ("images", "masks"):
        for path in (large / kind).iterdir():
            path.rename(root / kind / f"l{path.name}")
    small = {"filters": 4, "depth": 2, "convolutions": 1}
    more = {"set": small, "epochs": 5, "batch_size": 4, "keep": "last"}
    done = run(root, tmp_path, "run", overlap=0, learning_rate=0.01, **more)
    cut = done.tiling()
    assert cut(40, 64) is None and cut(64, 96) == tiles.Tiling(32, 0)
    assert evaluate_run(done)["metrics"] == done.metrics["test"]["metrics"]

    def confusion(painted: Iterable[Painted]) -> np.ndarray:
        found = np.zeros((2, 2), int)
        for each in painted:
            truth = np.asarray(Image.open(root / "masks" / each.name)) // 255
            np.add.at(found, (truth, each.values), 1)
        return found

    said = evaluate_run(done, str(root))["metrics"]["confusion"]
    assert np.array_equal(said, confusion(done.masks(root / "images")))
    # The tiling can be seen, since the tiles share nothing.
    all_cut = done.masks(root / "images", tiling=lambda height, width: tiles.Tiling(32, 0))
    assert not np.array_equal(said, confusion(all_cut))


@pytest.mark.slow
def test_tiles_too_small_for_the_network_are_told(tmp_path: Path) -> None:
    class Heard(Listener):
        def __init__(self) -> None:
            self.warnings: list[str] = []

        def warn(self, text: str) -> None:
            self.warnings.append(text)

    root = folder(tmp_path / "data", 10, 80, 140)
    fitting, short = Heard(), Heard()
    small = {"set": {"filters": 2, "depth": 1}, "epochs": 1}
    run(root, tmp_path, "fitting", fitting, tile=64, **small)
    assert fitting.warnings == []
    done = run(root, tmp_path, "short", short, tile=64, overlap=0, **small)
    expected = "share 0 may show seams: the network sees 8 pixels far; with --tile 64 --overlap 32"
    assert [expected in text for text in short.warnings] == [True]
    painted = next(done.masks(root / "images"))
    assert [expected in text for text in painted.warnings] == [True]
    assert next(done.masks(root / "images", tiling=done.tiling(64))).warnings == ()


def _test_names(done: Run) -> list[str]:
    import json

    return json.loads((done.path / "split.json").read_text())["parts"]["test"]["names"]


@pytest.mark.slow
def test_fields_leave_out_what_does_not_count(tmp_path: Path) -> None:
    given = {
        "model": "unet_two_decoders",
        "data": "flow-fields",
        "source_set": {"samples": 20},
        "out": str(tmp_path),
        **SMALL,
    }
    done = train_merged(merge(given))
    test = done.metrics["test"]
    assert test["metrics"]["rmse"] > 0 and len(test["metrics"]["per_target"]) == 2
    assert set(test["baselines"]) == {"mean", "linear"}
    assert (done.path / "plots" / "fields.png").is_file()
    new = done.predict(np.zeros((2, 30, 41, 1), "float32"))
    assert [values.shape for values in new.labels] == [(30, 41, 2)] * 2


@pytest.mark.slow
def test_a_surrogate_takes_fields_of_another_resolution(tmp_path: Path) -> None:
    given = {
        "model": "fno",
        "data": "heat-fields",
        "source_set": {"samples": 20, "resolution": 32},
        "set": {"width": 4, "modes": 3, "layers": 1},
        "epochs": 1,
        "out": str(tmp_path),
    }
    done = train_merged(merge(given))
    names = ["temperature_at_0.5", "temperature_at_1"]
    assert [row["target"] for row in done.metrics["test"]["metrics"]["per_target"]] == names
    header = (done.path / "plots" / "fields.csv").read_text().splitlines()
    assert len(header) == 1 + 3 * len(names)
    new = done.predict(np.zeros((3, 64, 2), "float32"))
    assert [values.shape for values in new.labels] == [(1, 64, 2)] * 3
