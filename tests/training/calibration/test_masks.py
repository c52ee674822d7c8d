"""Masks hold the share of a class's pixels that is asked for, and odd images are marked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.images.tiles import Tiling
from mlzoo.data.masks.operating_point import MaskRule
from mlzoo.data.specs import Target
from mlzoo.training.calibration.masks import miss_rates
from tests.cli.shell import run_mlzoo
from tests.training.made import LEAN


def drawn(path: Path, count: int) -> str:
    """Write images of a square that is hard to tell from the noise, and its masks."""
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (path / kind).mkdir()
    for number in range(count):
        mask = np.zeros((16, 16), bool)
        top, left = rng.integers(1, 9, 2)
        mask[top : top + 7, left : left + 7] = True
        light = 60 + 60 * mask + rng.normal(0, 20) + rng.normal(0, 30, mask.shape)
        pairs = {"images": np.clip(light, 0, 255), "masks": 255 * mask}
        for kind, pixels in pairs.items():
            Image.fromarray(pixels.astype("uint8")).save(path / kind / f"{number:02}.png")
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> mlzoo.Run:
    folder = tmp_path_factory.mktemp("masks")
    settings = {
        "epochs": 10,
        "learning_rate": 0.02,
        "preset": "none",
        "out": str(folder / "runs"),
    }
    settings |= {"set": {"filters": 4, "depth": 1}, "conformal": 0.5, "fractions": "20/40/40"}
    settings |= {"operating_point": "chosen"}
    return mlzoo.train("unet", drawn(folder, 90), **settings, **LEAN)


def test_masks_hold_the_share_of_a_class_that_is_asked_for(run: mlzoo.Run) -> None:
    held_out = files.read_json(run.path / "calibration.json")["miss_rates"]
    assert held_out["images"] == 18 and held_out["positive"] == 1
    missed = run.metrics["miss_rate"]
    assert missed["most"] == 0.1 and 0 <= missed["rate"] < 0.2
    test = run.own_data().test
    images, shares = test.inputs(), []
    for coverage in (0.6, 0.9):
        masks = list(run.masks(images, coverage=coverage))
        assert all(each.outputs is None for each in masks)
        shares.append(sum(each.values.mean() for each in masks))
        held = [
            mask.values[test.target(position) == 1].mean() for position, mask in enumerate(masks)
        ]
        assert sum(held) / len(held) == pytest.approx(coverage, abs=0.12)
    assert shares[0] < shares[1]
    with pytest.raises(UsageError, match="needs at least 99 held-out images and this run has 18"):
        list(run.masks(images, coverage=0.99))


def test_with_folds_miss_rates_are_those_out_of_fold_at_the_temperature() -> None:
    mask = np.zeros((10, 10), "uint8")
    mask[:4] = 1
    p = np.full((10, 10), 0.2)
    p[:4, :5], p[:4, 5:] = 0.9, 0.6
    ensemble = SimpleNamespace(
        outputs=[np.stack([1 - p, p], axis=-1).astype("float16")] * 3,
        pool=Pool([mask] * 3),
    )
    samples = SimpleNamespace(class_names=("intact", "crack"))
    outputs = SimpleNamespace(target=Target("classes", "pixel"))
    data: Any = SimpleNamespace(samples=samples, outputs=outputs)

    def threshold(temperature: dict[str, Any] | None, most: float = 0.7) -> float:
        given: Any = ensemble
        rates = miss_rates(None, data, None, given, temperature)  # type: ignore[arg-type]
        assert rates is not None and (rates.images, rates.positive) == (3, 1)
        return rates.threshold(most)

    # (3 r + 1) / 4 <= .7 where r <= .6: half of the crack may be missed, up to .9.
    assert threshold(None) == pytest.approx(0.9, abs=0.003)
    warm = {"kept": True, "temperature": 2.0}
    assert threshold(warm) == pytest.approx(0.75, abs=0.003), "(9 : 1) ** .5 is 3 : 1"
    assert threshold({**warm, "kept": False}) == threshold(None)
    assert threshold(None, most=0.3) == pytest.approx(0.6, abs=0.003)


class Pool:
    """Images of which only masks are asked for."""

    def __init__(self, masks: list[np.ndarray]) -> None:
        self.masks = masks

    def __len__(self) -> int:
        return len(self.masks)

    def target(self, position: int) -> np.ndarray:
        return self.masks[position]


def test_images_unlike_the_training_data_are_marked(run: mlzoo.Run, tmp_path: Path) -> None:
    images = run.own_data().test.inputs()
    plain, like = list(run.masks(images, unlike=0)), list(run.masks(images, unlike=0.2))
    assert all(each.unlike is each.unlike_p is None for each in plain)
    for one, other in zip(plain, like, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
    assert np.mean([each.unlike for each in like]) == pytest.approx(0.2, abs=0.15)
    # Larger images are cut into tiles, whose features are averaged.
    inverted = np.tile(255 - images, (1, 3, 4, 1))[:5]
    far = list(run.masks(inverted, unlike=0.1, tiling=lambda height, width: Tiling(32, 0)))
    assert all(each.unlike for each in far)
    assert far[0].unlike_p == pytest.approx(1 / 19)
    assert run.predict(inverted, unlike=0.1).unlike.all()
    for number, pixels in enumerate(inverted):
        Image.fromarray(pixels[..., 0].astype("uint8")).save(tmp_path / f"{number}.png")
    done = run_mlzoo("predict", run.path, tmp_path, "--unlike", ".1", "--json")
    assert {row["unlike"] for row in json.loads(done.out)} == {"yes"}
    assert "5 of 5 samples are unlike the training data" in done.err
    few = run_mlzoo("predict", run.path, tmp_path)
    assert "needs 19 held-out samples, and the run has 18" in few.err and "unlike_p" not in few.out


def test_masks_are_decided_by_the_operating_point_of_the_validation_split(
    run: mlzoo.Run, tmp_path: Path
) -> None:
    record = run.metrics["operating_point"]
    assert record["positive"] == run.record["class_names"][1]
    assert (record["chosen_on"], record["images"]) == ("valid", 18)
    assert record["iou"]["after"] != record["iou"]["before"]
    assert files.read_json(run.path / "operating_point.json") == record
    rule = MaskRule(1, record["threshold"], record["smallest"])
    images = run.own_data().test.inputs()
    masks = list(run.masks(images, outputs=True))
    for each in masks:
        np.testing.assert_array_equal(each.values, rule.cleaned(rule.decide(each.outputs)))
    changed = sum((m.values != m.outputs.argmax(axis=-1)).sum() for m in masks)
    assert changed > 0
    # Scores are of the same masks, now and when the run was made.
    scores = run.evaluate()
    assert scores["metrics"] == run.metrics["test"]["metrics"]
    predicted = sum(int(m.values.sum()) for m in masks)
    assert np.sum(scores["metrics"]["confusion"], axis=0)[1] == predicted
    # Images of another size are decided at their own.
    for number, image in enumerate(images[:2]):
        larger = Image.fromarray(image[..., 0]).resize((40, 24))
        larger.save(tmp_path / f"{number}.png")
    for each in run.masks(tmp_path, outputs=True):
        assert each.values.shape == (24, 40)
        np.testing.assert_array_equal(each.values, rule.cleaned(rule.decide(each.outputs)))


def test_a_damaged_operating_point_is_named(run: mlzoo.Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    files.write_json(
        copy / "operating_point.json", {"positive": "x", "threshold": 0, "smallest": 1}
    )
    with pytest.raises(DataError, match=r"operating_point\.json.*damaged"):
        next(mlzoo.load(copy).masks(run.own_data().test.inputs()))
