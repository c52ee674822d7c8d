"""Bands of forecasts hold the share of values that is asked for, and windows are marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.statistics.forecasts import ResidualQuantiles, median_of, needed_windows
from tests.training.made import LEAN


def test_quantiles_of_residuals_give_bands_of_any_coverage() -> None:
    rng = np.random.default_rng(0)
    scale = np.array([[1.0], [2.0]])
    residuals = scale * rng.exponential(size=(4000, 2, 1))
    residuals[::7, 1] = np.nan
    kept = ResidualQuantiles.of_residuals(residuals, np.zeros((4000, 2, 1)))
    for coverage in (0.5, 0.9):
        band = kept.band(coverage)
        tails = np.array([(1 - coverage) / 2, (1 + coverage) / 2])
        for ends, tail in zip((band.low, band.high), tails, strict=True):
            np.testing.assert_allclose(ends, -scale * np.log(1 - tail), rtol=0.15, atol=0.03)
    assert (needed_windows(0.9), needed_windows(0.5)) == (19, 3)
    few = ResidualQuantiles.of_residuals(np.arange(19.0).reshape(19, 1, 1), np.zeros((19, 1, 1)))
    assert (few.band(0.9).low.item(), few.band(0.9).high.item()) == (0, 18)


def test_narrow_windows_among_wide_ones_have_bands_around_the_median() -> None:
    rng = np.random.default_rng(0)
    scale = np.where(np.arange(2000) % 33 == 0, 0.05, 1.0)[:, None, None]
    y_true = scale * rng.normal(size=(2000, 1, 1))
    # Quantiles at 50, 5 and 95 % that are twice too wide: the offsets narrow them.
    outputs = np.stack([0 * scale, -3.3 * scale, 3.3 * scale], axis=1)
    median = median_of(outputs)
    band = ResidualQuantiles.of_residuals(y_true, outputs).band(0.9)
    assert band.low > 0.5 > -0.5 > band.high
    low, high = band.ends(outputs, median)
    assert (low <= median).all() and (median <= high).all()
    assert ((low <= y_true) & (y_true <= high)).mean() >= 0.9


def test_forecasts_of_a_run_have_bands_and_marks(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.sin(np.arange(900) / 3) + 0.3 * rng.normal(size=900)
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["t,y", *(f"{i},{v:.5f}" for i, v in enumerate(values))]) + "\n")
    run = mlzoo.train(
        "linear",
        str(path),
        source="series",
        target="y",
        window=12,
        horizon=2,
        conformal=0.5,
        epochs=10,
        preset="none",
        out=str(tmp_path),
        **LEAN,
    )
    kept = files.read_json(run.path / "calibration.json")["residuals"]
    valid = run.record["parts"]["valid"]["samples"]
    assert 0.4 * valid < kept["windows"] <= 0.5 * valid + 1
    test = run.own_data().test
    y_true = test.targets
    widths = []
    for coverage in (0.5, 0.9):
        predicted = run.predict(test.inputs(), coverage=coverage)
        held = (predicted.low <= y_true) & (y_true <= predicted.high)
        assert held.mean() == pytest.approx(coverage, abs=0.12)
        widths.append(predicted.high - predicted.low)
    assert (widths[0] < widths[1]).all()
    assert predicted.unlike.mean() < 0.2 and run.predict(test.inputs() + 50).unlike.all()
    assert run.predict(test.inputs(), unlike=0).unlike is None
    with pytest.raises(UsageError, match=r"--coverage 0.999 needs at least 1999 held-out windows"):
        run.predict(test.inputs(), coverage=0.999)
