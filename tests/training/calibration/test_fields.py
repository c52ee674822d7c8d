"""Intervals of fields hold the share of values that is asked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.data.specs import Target
from mlzoo.statistics.calibration.field_widths import field_widths
from mlzoo.training.calibration import fields
from tests.training.made import LEAN


def test_images_without_known_values_make_no_interval_narrower() -> None:
    rng = np.random.default_rng(0)
    known = [np.abs(rng.normal(size=(64, 1))) for _ in range(30)]
    unknown = [np.full((64, 1), np.nan)] * 30
    widths, both = field_widths(known, None), field_widths(known + unknown, None)
    assert both.images == 30 and both.half(0.1) == widths.half(0.1)


def test_intervals_of_fields_hold_the_share_that_is_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(260, 8, 8, 1)).astype("float32")
    spread = np.linspace(0.1, 1, 8)[None, :, None, None]
    y = 2 * x + spread * rng.normal(size=x.shape)
    settings = {"epochs": 4, "learning_rate": 0.05, "preset": "none", "out": str(tmp_path)}
    settings |= {"set": {"filters": 2, "depth": 1}, "conformal": 0.5, "fractions": "40/30/30"}
    np.savez(tmp_path / "data.npz", x=x, y=y.astype("float32"))
    run = mlzoo.train("unet", str(tmp_path / "data.npz"), task="fields", **settings, **LEAN)
    record = run.metrics["conformal"]
    assert record["unit"] == "images" and record["scores"] == 39
    assert record["coverage"] == pytest.approx(0.9, abs=0.03)
    assert record["adaptive"] and len(record["parts"]) == 5
    assert min(part["coverage"] for part in record["parts"]) > 0.8
    assert "90% prediction intervals hold" in (run.path / "README.md").read_text()

    test = run.own_data().test
    painted = list(run.masks(test.inputs(), coverage=0.8))
    low, high = (np.stack([getattr(each, end) for each in painted]) for end in ("low", "high"))
    held = (low <= test.targets) & (test.targets <= high)
    assert held.mean() == pytest.approx(0.8, abs=0.05)
    widths = (high - low).mean(axis=(0, 2, 3))
    assert widths[-1] > 2 * widths[0], "where the noise is larger, intervals are wider"
    assert run.predict(test.inputs()[:2], coverage=0.8).low[0].shape == (8, 8, 1)
    with pytest.raises(UsageError, match="needs at least 99 held-out images and this run has 39"):
        list(run.masks(test.inputs(), coverage=0.99))
    assert files.read_json(run.path / "calibration.json")["field_widths"]["images"] == 39


class Pool:
    """Images of noise about a line, as out-of-fold predictions have them."""

    groups = None

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.uniform(size=(count, 8, 8, 1))
        self.y = 2 * self.x + np.linspace(0.1, 1, 8)[:, None, None] * rng.normal(size=self.x.shape)

    def __len__(self) -> int:
        return len(self.x)

    def image(self, position: int) -> np.ndarray:
        return self.x[position]

    def target(self, position: int) -> np.ndarray:
        return self.y[position]


def test_with_folds_widths_are_those_of_errors_out_of_fold() -> None:
    pool, fold = Pool(300), np.arange(300) % 3 + 1
    # Members are off by -.1, 0 and .1: their mean by nothing.
    outputs = 2 * pool.x + np.array([-0.1, 0.0, 0.1])[fold - 1][:, None, None, None]
    known = slice(0, 240)
    ensemble = SimpleNamespace(
        outputs=outputs[known], fold=fold[known], pool=Pool.__new__(Pool), members=[None] * 3
    )
    ensemble.pool.x, ensemble.pool.y = pool.x[known], pool.y[known]
    data = SimpleNamespace(outputs=SimpleNamespace(target=Target("numbers", "pixel")))
    widths: Any = fields.widths_of(None, data, None, ensemble, 0)  # type: ignore[arg-type]
    assert widths.images == 240 and len(widths.scale.weights) == 3
    held, sizes = [], []
    for image, truth in zip(pool.x[240:], pool.y[240:], strict=True):
        low, high = widths.ends(image, 2 * image, 0.1)
        held.append(((low <= truth) & (truth <= high)).mean())
        sizes.append((high - low).mean(axis=(1, 2)))
    assert 0.9 <= np.mean(held) < 0.96
    assert np.mean(sizes, axis=0)[-1] > 1.7 * np.mean(sizes, axis=0)[0]
    assert fields.widths_of(None, data, None, None, 0) is None  # type: ignore[arg-type]


def test_images_of_a_group_count_as_one_where_fifths_are_warned_of() -> None:
    shares, groups = np.repeat([0.6, 0.75, 0.8], 4), np.repeat([0, 1, 2], 4)
    held = [(np.arange(1000) % 20 < 20 * share).astype(float)[:, None] for share in shares]
    sizes = [np.linspace(0, 1, 1000)[:, None]] * 12
    for labels, under in ((None, True), (groups, False)):
        parts = fields._fifths(held, sizes, labels)
        assert [part["under"] for part in parts] == [under] * 5
        assert {part["samples"] for part in parts} == {12}
        assert [part["coverage"] for part in parts] == pytest.approx([0.7167] * 5, abs=0.02)
