"""Masks hold the share of a class's pixels that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import UsageError
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


def test_masks_hold_the_share_of_a_class_that_is_asked_for(tmp_path: Path) -> None:
    settings = {
        "epochs": 10,
        "learning_rate": 0.02,
        "preset": "none",
        "out": str(tmp_path / "runs"),
    }
    settings |= {"set": {"filters": 4, "depth": 1}, "conformal": 0.5, "fractions": "20/40/40"}
    run = mlzoo.train("unet", drawn(tmp_path, 90), **settings, **LEAN)
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
    with pytest.raises(UsageError, match="needs at least 99 images set aside and this run has 18"):
        list(run.masks(images, coverage=0.99))
