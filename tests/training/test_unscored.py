"""Trainings without a test split predict, whatever they are of."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlzoo
from mlzoo.core.errors import UsageError
from mlzoo.runs.config_loading import merge
from mlzoo.training.train import train_merged

_UNSCORED = {"fractions": "100/0/0", "unscored": True, "epochs": 1}


def _trained(folder: Path, model: str, data: str, **given: Any) -> mlzoo.Run:
    fields = {"model": model, "data": data, "out": str(folder), "name": "run", **given}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # such as the mean of no samples
        run = train_merged(merge({**fields, **_UNSCORED}))
    assert not {"metrics.json", "predictions.csv", "report.html"} & {
        p.name for p in run.path.iterdir()
    }
    return mlzoo.load(run.path)


def test_series(tmp_path: Path) -> None:
    run = _trained(tmp_path, "rnn", "mackey-glass", horizon=5, stride=40, set={"units": [2]})
    forecasts = run.forecast(run.own_data().train.inputs(slice(0, 3)))
    values = np.array([forecast.values for forecast in forecasts])
    assert values.shape == (3, 5, 1) and np.isfinite(values).all()
    assert forecasts[0].low is None, "nothing was held out to measure errors on"


def test_fields(tmp_path: Path) -> None:
    small = {"filters": 2, "depth": 1}
    run = _trained(tmp_path, "unet", "flow-fields", source_set={"samples": 12}, set=small)
    (field,) = run.predict(run.own_data().train.inputs(slice(0, 1))).labels
    assert field.shape == (64, 64, 2) and np.isfinite(field).all()


def test_reconstructions(tmp_path: Path) -> None:
    run = _trained(tmp_path, "autoencoder", "digits", set={"code": 2})
    restored = run.reconstruct(run.own_data().train.inputs(slice(0, 4)))
    assert restored.scores.shape == (4,) and (restored.scores > 0).all()
    assert restored.p_values is None, "nothing was held out to compare with"


def test_generators(tmp_path: Path) -> None:
    run = _trained(tmp_path, "pca", "digits")
    drawn = run.generate(3).samples
    assert drawn.shape == (3, 8, 8, 1) and np.ptp(drawn, axis=0).max() > 0
    assert "no scores: there was no test split" in run._repr_html_()


def test_rules_of_masks_that_nothing_chooses_are_refused() -> None:
    given = {"model": "unet", "data": "shapes", "operating_point": "chosen", **_UNSCORED}
    with pytest.raises(UsageError, match="operating_point has no effect on a training without sco"):
        merge(given)


def test_equations_have_splits_of_their_own() -> None:
    with pytest.raises(UsageError, match="the data bring a train, a valid and a test split"):
        merged = merge({"model": "pinn", "data": "heat", **_UNSCORED})
        train_merged(merged)
