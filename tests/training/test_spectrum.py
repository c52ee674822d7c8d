"""Error by frequency over the epochs."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Part
from mlzoo.layers.input_scaling import input_spec
from mlzoo.training.building import build_model
from mlzoo.training.figures import spectrum
from tests.training import made
from tests.training.made import LEAN

_FIELDS = {"preset": "none", "set": {"hidden": [32]}, "learning_rate": 0.02, **LEAN}


def two_waves(count: int = 256) -> pd.DataFrame:
    x = np.linspace(0, 1, count)
    return pd.DataFrame({"x": x, "y": np.cos(2 * np.pi * x) + 0.5 * np.cos(16 * np.pi * x)})


def _rows(path: Path) -> list[dict[str, float]]:
    with path.open() as file:
        return [{name: float(text) for name, text in row.items()} for row in csv.DictReader(file)]


def test_amplitudes_are_those_of_the_waves_at_scattered_points() -> None:
    x = np.sort(np.random.default_rng(0).uniform(3, 7, 300))
    phase = 2 * np.pi * (x - x[0]) / (x[-1] - x[0])
    sizes = spectrum.amplitudes(x, 5 + 2 * np.sin(3 * phase + 1), 8)
    assert sizes[2] == pytest.approx(2)
    assert np.delete(sizes, 2).max() < 0.5


def test_a_network_learns_the_slow_wave_first(tmp_path: Path) -> None:
    given = {"diagnose": "spectrum", "epochs": 6, "out": str(tmp_path), **_FIELDS}
    run = mlzoo.train("mlp", two_waves(), name="whole", **given)
    rows = _rows(run.path / "spectrum.csv")
    assert {row["epoch"] for row in rows} == set(range(7))
    assert {row["frequency"] for row in rows} == set(range(1, 33))
    at = {(row["epoch"], row["frequency"]): row for row in rows}
    assert at[0, 1]["target"] == pytest.approx(1, abs=0.1)
    assert at[0, 8]["target"] == pytest.approx(0.5, abs=0.1)
    assert at[6, 1]["error"] < 0.5 * at[6, 1]["target"]
    assert at[6, 8]["error"] > 0.8 * at[6, 8]["target"]
    assert (run.path / "plots" / "spectrum.png").stat().st_size > 5000


def test_rows_of_an_epoch_that_is_trained_again_are_replaced(tmp_path: Path) -> None:
    data = made.data(60, task="regression")
    one = made.as_table(data.samples, np.asarray(data.samples.inputs)[:, :1])
    part = Part(one, data.train.indices)
    alone = replace(data, samples=one, train=part, inputs=input_spec(part))
    model = build_model(RunConfig(model="linear", data="made"), alone, 0)
    for epoch in (0, 1, 2, 1):
        spectrum.record(tmp_path, epoch, model, alone)
    rows = _rows(tmp_path / "spectrum.csv")
    assert [row["epoch"] for row in rows] == [0.0] * 9 + [1.0] * 9
    with pytest.raises(UsageError, match=r"kind array and shape \(3,\) for regression"):
        spectrum.record(tmp_path, 0, model, data)


def test_what_has_no_frequencies_is_refused(tmp_path: Path) -> None:
    given = {"out": str(tmp_path), "diagnose": "spectrum", **_FIELDS}
    with pytest.raises(UsageError, match="--diagnose spectrum is for numbers, not for classif"):
        mlzoo.train("mlp", "iris", **given)
    with pytest.raises(UsageError, match="diagnose is of one training"):
        mlzoo.train("mlp", two_waves(), folds=3, **given)
