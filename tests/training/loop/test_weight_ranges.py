"""Ranges of weights over the epochs."""

from __future__ import annotations

import csv
from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.errors import UsageError
from mlzoo.training.loop import weight_ranges


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_rows_say_how_weights_spread_and_later_epochs_are_replaced(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, name="hidden")])
    kernel, bias = model.trainable_variables
    weight_ranges.record(tmp_path, 0, [model])
    kernel.assign(np.arange(12.0).reshape(3, 4))
    for epoch in (1, 2, 1):
        weight_ranges.record(tmp_path, epoch, [model])
    rows = _rows(tmp_path / "weights.csv")
    assert [(row["epoch"], row["weights"]) for row in rows] == [
        (epoch, path) for epoch in "01" for path in (kernel.path, bias.path)
    ]
    values = {name: float(text) for name, text in rows[2].items() if name != "weights"}
    assert values["least"] == 0 and values["largest"] == 11 and values["median"] == 5.5
    assert values["low"] == pytest.approx(0.55) and values["high"] == pytest.approx(10.45)
    assert values["deviation"] == pytest.approx(np.arange(12).std(), rel=1e-5)


def test_a_run_keeps_them_from_the_initial_weights_on(tmp_path: Path) -> None:
    fields = {"epochs": 2, "baselines": "none", "preset": "none", "set": {"hidden": [4]}}
    run = mlzoo.train("mlp", "iris", out=str(tmp_path), weight_ranges=True, **fields)
    rows = _rows(run.path / "weights.csv")
    assert {row["epoch"] for row in rows} == {"0", "1", "2"}
    kept = {v.path: np.asarray(v) for v in run.model.trainable_variables}
    saved = [row for row in rows if int(row["epoch"]) == run.metrics["kept"]["epoch"]]
    assert [row["weights"] for row in saved] == list(kept)
    for row in saved:
        assert float(row["largest"]) == pytest.approx(float(kept[row["weights"]].max()), rel=1e-4)
    assert (run.path / "plots" / "weights.png").stat().st_size > 5000


def test_what_has_no_epochs_is_refused_or_told(tmp_path: Path) -> None:
    for given in ({"folds": 3}, {"optimizer": "lbfgs"}):
        with pytest.raises(UsageError, match="weight_ranges"):
            mlzoo.train("mlp", "iris", out=str(tmp_path), weight_ranges=True, **given)
    fields = {"pictures": "none", "baselines": "none", "set": {"posterior": True}}
    run = mlzoo.train("linear", "noisy-sine", out=str(tmp_path), weight_ranges=True, **fields)
    assert not (run.path / "weights.csv").exists()
