"""Scores of forecasts, by hand: what MASE divides by, naive forecasts, bands, residuals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.evaluating.evaluate import evaluate, fit_baselines, write_predictions
from mlzoo.runs import datasets
from mlzoo.statistics import intervals
from mlzoo.statistics.forecast_scale import last_values, training_scale
from mlzoo.tasks import forecasting
from mlzoo.tasks.forecasting import (
    Band,
    ForecastOutcome,
    autocorrelation,
    autocorrelation_time,
    block_labels,
    find_band,
    forecast_scorers,
)
from tests.data.pictures import config
from tests.tasks.made_forecasts import series_data


def naive_forecasts(data: Data, rows: Part) -> dict[str, tuple[np.ndarray, str]]:
    """Forecasts of each baseline for a part's windows, and a note on each."""
    fitted = fit_baselines(data)
    return {name: (each.predict(rows), each.note_on(rows)) for name, each in fitted.items()}


WEEKS = np.tile([0.0, 1.0, 4.0], 10) + np.repeat(np.arange(10.0), 3)
"""A season of 3 steps that rises by 1 a season."""


def last(x: np.ndarray) -> np.ndarray:
    """The last value of each window, one step ahead."""
    return x[:, -1:, :1]


def value(scorer) -> float:
    return float(scorer(np.ones((1, 1)))[0])


# -- What MASE divides by


def test_the_scale_is_hyndman_s_over_the_training_part_alone() -> None:
    data = series_data([[0, 1, 3, 6, 10, 15, 21, 28, 36, 500, 0, 500, 0, 500, 0]], window=2)
    assert data.train.targets.ravel().tolist() == [3, 6, 10, 15, 21, 28, 36]
    # Nine steps are the training split's: it goes up by 1, 2, ..., 8.
    assert training_scale(data).tolist() == [4.5]


def test_the_scale_goes_back_a_season() -> None:
    assert training_scale(series_data([WEEKS], season=3)).tolist() == [1.0]
    # Without the season: 1, 3, 3 in turn (4 to the next season's 1), 17 steps of 18 values.
    steps = np.abs(np.diff(WEEKS[:18]))
    assert training_scale(series_data([WEEKS])) == pytest.approx(steps.mean())


def test_the_scale_of_several_series_never_steps_from_one_to_the_next() -> None:
    a = np.arange(15.0)
    data = series_data([a, 100 + 3 * a])
    assert training_scale(data).tolist() == [2.0]  # 8 steps of 1 and 8 of 3


def test_each_target_has_its_scale_and_one_that_stands_still_has_none() -> None:
    table = np.stack([np.arange(15.0), 5 * np.arange(15.0), np.zeros(15)], axis=1)
    scale = training_scale(series_data([table], targets=3))
    np.testing.assert_array_equal(scale, [1, 5, np.nan])


def test_mase_rmse_and_mae_by_hand() -> None:
    truth = np.array([[[1.0], [2.0]], [[3.0], [np.nan]]])
    said = np.array([[[2.0], [0.0]], [[0.0], [9.0]]])
    scorers = forecast_scorers(truth, said, np.array([4.0]))
    ones = np.ones((1, 2))
    found = {name: float(scorer(ones)[0]) for name, scorer in scorers.items()}
    assert found == pytest.approx({"mase": 0.5, "mae": 2.0, "rmse": (14 / 3) ** 0.5})
    # Twice the first window and none of the second.
    assert scorers["mae"](np.array([[2.0, 0.0]])) == pytest.approx([1.5])


def test_mase_of_several_targets_leaves_out_those_without_a_scale() -> None:
    errors = np.array([[[2.0, 30.0, 7.0]]])
    scorers = forecast_scorers(errors, np.zeros((1, 1, 3)), np.array([1.0, 10.0, np.nan]))
    assert value(scorers["mase"]) == pytest.approx((2 + 3) / 2)
    assert value(scorers["mae"]) == pytest.approx(13)
    nothing = forecast_scorers(errors, np.zeros((1, 1, 3)), np.full(3, np.nan))
    assert np.isnan(value(nothing["mase"]))


def test_missing_values_are_no_part_of_the_scale() -> None:
    values = np.arange(15.0)
    values[4] = np.nan
    data = series_data([values], missing="previous")
    assert training_scale(data).tolist() == [1.0]


# -- Naive forecasts


def test_persistence_repeats_the_last_value_of_each_target() -> None:
    table = np.stack([np.arange(30.0), -np.arange(30.0), np.full(30, 7.0)], axis=1)
    data = series_data([table], window=3, horizon=2, targets=2)
    said, note = naive_forecasts(data, data.test)["persistence"]
    known = data.test.inputs()[:, -1, :2]
    np.testing.assert_array_equal(said, np.stack([known, known], axis=1))
    # The test split begins with step 24: the first window that it is forecast from ends at 23.
    assert (note, said[0].tolist()) == ("", [[23, -23], [23, -23]])
    np.testing.assert_array_equal(data.test.targets[:, 0] - said[:, 0], [[1, -1]] * len(said))


def test_the_seasonal_forecast_repeats_the_last_season_over_and_over() -> None:
    data = series_data([WEEKS], window=2, horizon=4, season=3)
    rows = Part(data.samples, np.array([10]))  # the window of steps 10 and 11
    said, note = naive_forecasts(data, rows)["seasonal"]
    # Steps 12 to 15 by steps 9, 10, 11 and, as 12 is not known, 9 again.
    assert said[0, :, 0].tolist() == WEEKS[[9, 10, 11, 9]].tolist()
    assert note == "season of 3 steps"


def test_before_one_season_the_last_value_stands_for_it() -> None:
    data = series_data([WEEKS, 50 + WEEKS], window=2, horizon=1, season=3)
    starts = data.samples.windows.history
    rows = Part(data.samples, np.flatnonzero(starts <= 3))
    said, note = naive_forecasts(data, rows)["seasonal"]
    # Of each series: the value after steps 0 and 1 by step 1, that after 1 and 2 by step 0.
    assert said.ravel().tolist() == [1.0, 0.0, 51.0, 50.0]
    assert note == "season of 3 steps; the last value for 2 windows before one"


def test_where_the_last_season_is_missing_the_last_value_stands_for_it() -> None:
    values = WEEKS.copy()
    values[9] = np.nan
    data = series_data([values], window=2, horizon=4, season=3, missing="previous")
    place = int(np.flatnonzero(data.samples.windows.history == 12)[0])
    said, note = naive_forecasts(data, Part(data.samples, np.array([place])))["seasonal"]
    assert said[0, :, 0].tolist() == WEEKS[[11, 10, 11, 11]].tolist()
    assert note == "season of 3 steps; the last value for 2 that are missing"


def test_there_is_no_seasonal_forecast_without_a_season() -> None:
    data = series_data([WEEKS])
    assert list(naive_forecasts(data, data.test)) == ["persistence", "linear"]


def test_the_linear_forecast_finds_a_linear_rule() -> None:
    x = [1.0, 0.5]
    for _ in range(118):
        x.append(1.5 * x[-1] - 0.98 * x[-2])
    data = series_data([x], window=2, horizon=2)
    said, note = naive_forecasts(data, data.test)["linear"]
    spread = data.test.targets.std()
    assert np.abs(said - data.test.targets).max() < 0.1 * spread
    assert note == ""


def test_the_linear_forecast_is_fitted_on_the_training_part_alone() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    changed = x.copy()
    changed[60:] *= 100
    said = []
    for values in (x, changed):
        data = series_data([values], window=2)
        said.append(naive_forecasts(data, Part(data.samples, np.arange(5)))["linear"][0])
    np.testing.assert_array_equal(said[0], said[1])


def vectors(count: int = 40) -> Data:
    """Sequences (2 steps) that follow from vectors."""
    x = np.random.default_rng(0).normal(size=(count, 3)).astype("float32")
    y = np.stack([x[:, :1] + 5, 2 * x[:, :1] + 5], axis=1)
    samples = Samples(x, Sequences.of(list(y)), "forecasting", target_names=("v",))
    parts = [Part(samples, piece) for piece in np.split(np.arange(count), [24, 32])]
    mean = (float(parts[0].targets.mean()),)
    return Data(samples, *parts, Inputs((3,)), Outputs("forecasting", 1, mean, (1.0,), 2), "f")


def test_without_a_last_value_the_mean_is_the_naive_forecast() -> None:
    data = vectors()
    assert last_values(data, data.test) is None
    found = naive_forecasts(data, data.test)
    assert list(found) == ["mean", "linear"]
    np.testing.assert_allclose(found["mean"][0], data.outputs.mean[0])
    assert found["linear"][1] == ""
    np.testing.assert_allclose(found["linear"][0], data.test.targets, atol=0.2)
    truth = data.train.targets
    assert training_scale(data) == pytest.approx(np.abs(truth - truth.mean()).mean(), rel=1e-5)
    result, _ = evaluate(lambda x: np.zeros((len(x), 2, 1)), data, "test")
    assert result["interval_unit"] == "samples" and result["metrics"]["autocorrelation"] is None
    assert set(result["relative_mae"]) == {"mean", "linear"}


# -- Bands


def residual_data(residuals: np.ndarray) -> Data:
    """A validation split whose residuals of the forecast 0 are these, one step ahead."""
    count = len(residuals)
    values = np.zeros((count, 1), "float32")
    targets = Sequences.of(list(residuals[:, None, None].astype("float32")))
    inputs = Sequences.of([values[i : i + 1] for i in range(count)])
    samples = Samples(inputs, targets, "forecasting", "sequence")
    part, nothing = Part(samples, np.arange(count)), Part(samples, np.arange(0))
    outputs = Outputs("forecasting", 1, horizon=1, channels=(0,))
    return Data(samples, nothing, part, part, Inputs((1, 1)), outputs, "f")


def zero(x: np.ndarray) -> np.ndarray:
    return np.zeros((len(x), 1, 1))


def test_a_band_is_made_of_the_residuals_quantiles() -> None:
    residuals = np.random.default_rng(0).permutation(np.arange(-100.0, 101.0))
    band = find_band(zero, residual_data(residuals))
    assert band is not None
    # ceil(202 * .95) = 192 of 201: the place 192 / 201 * 200 = 191.04 among them in order.
    assert band.high[0, 0] == pytest.approx(-100 + 192 / 201 * 200)
    assert band.low[0, 0] == pytest.approx(100 - 192 / 201 * 200)
    assert band.source == "201 windows of the validation split"


def test_a_band_of_few_residuals_holds_them_all() -> None:
    band = find_band(zero, residual_data(np.arange(19.0) - 3))
    assert band is not None and (band.low[0, 0], band.high[0, 0]) == (-3, 15)


def test_each_tail_of_a_band_is_its_own() -> None:
    residuals = np.random.default_rng(0).exponential(size=20_000)
    band = find_band(zero, residual_data(residuals))
    assert band is not None
    assert band.low[0, 0] == pytest.approx(-np.log(0.95), rel=0.05)
    assert band.high[0, 0] == pytest.approx(-np.log(0.05), rel=0.05)


def test_there_is_no_band_without_a_validation_part() -> None:
    data = residual_data(np.arange(30.0))
    assert find_band(zero, replace(data, valid=data.train)) is None


def test_coverage_is_the_share_inside_the_band() -> None:
    residuals = np.random.default_rng(1).normal(size=5000)
    data = residual_data(residuals)
    trained = {"band": Band(*np.full((2, 1, 1), 0.5) * [[[-1]], [[1]]], "x").record()}
    trained |= {"scale": [2.0]}
    result, outcome = evaluate(zero, data, "test", 0, "none", None, trained)
    assert result["metrics"]["coverage"] == np.mean(np.abs(residuals) <= 0.5)
    assert result["metrics"]["mase"] == pytest.approx(np.abs(residuals).mean() / 2)
    assert outcome.ends is not None and (outcome.ends[0] == -0.5).all()
    assert result["metrics"]["per_horizon"][0]["coverage"] == result["metrics"]["coverage"]


def test_new_values_of_the_same_kind_lie_in_the_band_as_often_as_they_should() -> None:
    """Over many small validation splits the band holds its level, not less."""
    rng = np.random.default_rng(3)
    held = []
    for _ in range(300):
        band = find_band(zero, residual_data(rng.normal(size=60)))
        new = rng.normal(size=200)
        held.append(np.mean((new >= band.low[0, 0]) & (new <= band.high[0, 0])))
    assert 0.89 < np.mean(held) < 0.93


# -- Residuals over time


def one_stretch(residuals: np.ndarray, stride: int = 1) -> dict:
    count = len(residuals)
    return autocorrelation(residuals, np.zeros(count), 7 + stride * np.arange(count))


def test_the_autocorrelation_of_alternating_residuals() -> None:
    found = one_stretch(np.tile([1.0, -1.0], 50))
    assert found["lags"][:3] == pytest.approx([-0.99, 0.98, -0.97])
    assert len(found["lags"]) == 24 and found["bound"] == pytest.approx(0.196)


def test_the_autocorrelation_of_an_autoregression() -> None:
    rng = np.random.default_rng(0)
    x = [0.0]
    for shock in rng.normal(size=20_000):
        x.append(0.7 * x[-1] + shock)
    assert one_stretch(np.array(x))["lags"][:4] == pytest.approx(
        [0.7, 0.49, 0.343, 0.2401], abs=0.03
    )


def test_residuals_of_two_stretches_are_not_compared() -> None:
    values = np.array([1.0, -1.0, 1.0, -1.0])
    assert one_stretch(values)["lags"] == pytest.approx([-0.75, 0.5, -0.25])
    apart = autocorrelation(values, np.array([0, 0, 1, 1]), np.array([5, 6, 5, 6]))
    assert apart["lags"] == pytest.approx([-0.5])
    assert one_stretch(np.array([2.0]))["lags"] == []
    assert one_stretch(np.zeros(9))["lags"] == []


def test_lags_are_counted_in_steps() -> None:
    values = np.array([1.0, -1.0, 1.0, -1.0])
    assert one_stretch(values, stride=3) == one_stretch(values) | {"stride": 3}
    # A residual that is not known leaves its place empty.
    gone = one_stretch(np.array([1.0, np.nan, 1.0, -2.0]))
    left_out = autocorrelation(np.array([1.0, 1.0, -2.0]), np.zeros(3), np.array([0, 2, 3]))
    assert gone["lags"] == left_out["lags"] == pytest.approx([-2 / 6, 1 / 6, -2 / 6])


def test_nothing_is_compared_across_a_break(tmp_path) -> None:
    """A sine with breaks has the scale and the seasonal error of one without: none."""
    steps = np.delete(np.arange(300), np.r_[50:53, 120:125, 200:201, 270:272])
    found = []
    for own in (np.arange(300), steps):
        table = pd.DataFrame({"date": pd.Timestamp("2020-01-01") + pd.to_timedelta(own, "D")})
        table["v"] = np.round(np.sin(2 * np.pi * own / 7), 4)
        table.to_csv(tmp_path / "s.csv", index=False)
        data = datasets.load(config(tmp_path / "s.csv", window=9, horizon=3))
        assert data.samples.windows.season == 7
        rows = data.parts()["test"]
        said, note = naive_forecasts(data, rows)["seasonal"]
        assert note == "season of 7 steps"
        truth = rows.targets
        found.append(np.abs(said - truth).mean())
        assert np.isnan(training_scale(data)).all()  # as the season explains all
        correlation = evaluate(
            lambda x: np.zeros((len(x), 3, 1)), data, "test", 0, baselines="none"
        )[0]["metrics"]["autocorrelation"]["lags"]
        assert correlation[6] > 0.5
    assert found == [0, 0]


# -- All together


def test_blocks_of_time_are_two_horizons_long_and_shared_by_all_series() -> None:
    data = series_data([np.arange(60.0), np.arange(60.0)], window=2, horizon=3)
    blocks = block_labels(data.test)
    ends = data.samples.windows.spans[data.test.indices, 1]
    assert blocks.tolist() == [str(end // 6) for end in ends]
    half = len(blocks) // 2
    assert blocks[:half].tolist() == blocks[half:].tolist()
    result, _ = evaluate(lambda x: np.repeat(last(x), 3, axis=1), data, "test")
    assert result["interval_unit"] == "blocks of time"
    assert (result["samples"], result["units"]) == (20, len(set(blocks)))


def test_blocks_grow_with_the_autocorrelation_of_the_errors() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=2000)
    lengths = []
    for correlation in (0.0, 0.8, 0.95):
        errors = lfilter([1], [1, -correlation], noise)
        time = autocorrelation_time(errors, np.zeros(2000), np.arange(2000))
        assert time == pytest.approx((1 + correlation) / (1 - correlation), rel=0.35)
        data = series_data([np.arange(2000.0)], window=1, horizon=1)
        own = errors[: len(data.test)].reshape(-1, 1, 1)
        lengths.append(len(data.test) / len(set(block_labels(data.test, own))))
    assert lengths[0] < 5 < lengths[1] < 25 < lengths[2]


def test_intervals_of_autocorrelated_errors_cover_their_mean() -> None:
    """AR(1) errors of .8: with blocks of 2 steps 95 % intervals held the mean in 73 %."""
    rng = np.random.default_rng(1)
    data = series_data([np.arange(1000.0)], window=1, horizon=1)
    count, hits = len(data.test), 0
    for _ in range(150):
        errors = lfilter([1], [1, -0.8], rng.normal(size=count + 100))[100:] * 0.6
        labels = block_labels(data.test, errors.reshape(-1, 1, 1))
        scorer = forecast_scorers(errors.reshape(-1, 1, 1), np.zeros((count, 1, 1)), np.ones(1))
        low, high = intervals.intervals({"mae": scorer["mae"]}, count, labels)["mae"]
        hits += low <= (2 / np.pi) ** 0.5 <= high
    assert hits / 150 >= 0.9


def test_whole_blocks_are_drawn_again() -> None:
    """Errors that come in stretches make wider intervals than the same errors one by one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1, 1)).repeat(4, axis=0).reshape(-1)
    data = series_data([x], window=1, horizon=2)
    result, outcome = evaluate(lambda w: np.zeros((len(w), 2, 1)), data, "test")
    low, high = result["intervals"]["mae"]
    errors = outcome.errors()
    alone = 2 * 1.96 * errors.std() / len(errors) ** 0.5
    assert high - low > 1.3 * alone


def test_errors_relative_to_naive_forecasts() -> None:
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(size=400))
    data = series_data([x])
    halfway, _ = evaluate(lambda w: last(w) + 0.5 * (next_of(data, w) - last(w)), data, "test")
    row = halfway["relative_mae"]["persistence"]
    assert row["value"] == pytest.approx(0.5, rel=1e-5)
    assert row["interval"] is None or row["interval"] == pytest.approx([0.5, 0.5], rel=1e-5)
    assert halfway["verdict"] == "better"
    same, _ = evaluate(last, data, "test")
    assert same["relative_mae"]["persistence"]["value"] == 1
    assert same["verdict"] != "better"
    expected = np.abs(data.test.targets[:, 0, 0] - last(data.test.inputs())[:, 0, 0]).mean()
    assert same["metrics"]["mae"] == pytest.approx(expected)
    assert same["metrics"]["mase"] == pytest.approx(expected / training_scale(data)[0])


def next_of(data: Data, windows: np.ndarray) -> np.ndarray:
    """The truth of windows: an oracle."""
    table = {row.tobytes(): i for i, row in enumerate(data.samples.inputs[:])}
    where = np.array([table[window.tobytes()] for window in windows])
    return data.samples.targets[where]


def test_each_step_ahead_has_its_row() -> None:
    data = series_data([np.arange(100.0)], window=2, horizon=3)
    result, _ = evaluate(lambda w: np.repeat(last(w), 3, axis=1), data, "test")
    rows = result["metrics"]["per_horizon"]
    assert [(row["step"], row["mae"], row["mase"]) for row in rows] == [
        (k, k, k) for k in (1, 2, 3)
    ]
    assert [row["mae_persistence"] for row in rows] == [1, 2, 3]
    assert result["metrics"]["mae"] == 2 and "per_target" not in result["metrics"]
    assert result["metrics"]["coverage"] == 1


def test_several_targets_have_a_row_each() -> None:
    table = np.stack([np.arange(60.0), 10 * np.arange(60.0)], axis=1)
    data = series_data([table], targets=2)
    result, _ = evaluate(lambda w: w[:, -1:, :2], data, "test")
    assert result["metrics"]["per_target"] == [
        {"target": "c0", "mase": 1.0, "rmse": 1.0, "mae": 1.0},
        {"target": "c1", "mase": 1.0, "rmse": 10.0, "mae": 10.0},
    ]
    assert result["metrics"]["scale"] == [1, 10]


def test_series_that_stand_still_are_judged_by_their_mae() -> None:
    x = np.zeros(60)
    x[50:] = np.arange(10)
    result, _ = evaluate(last, series_data([x]), "test")
    assert result["metrics"]["mase"] is None and result["gain"]["metric"] == "mae"


def test_forecasts_that_are_not_finite_are_a_divergence() -> None:
    data = series_data([np.arange(30.0)])
    with pytest.raises(DivergedError, match="forecasts of the test split are NaN"):
        evaluate(lambda w: np.full((len(w), 1, 1), np.inf), data, "test")


def test_forecasts_are_read_back(tmp_path) -> None:
    table = np.stack([np.arange(80.0) % 7, np.arange(80.0) % 5], axis=1)
    data = series_data([table], targets=2, horizon=2)
    result, outcome = evaluate(lambda w: w[:, -2:, :2] + 0.25, data, "test")
    assert isinstance(outcome, ForecastOutcome)
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "index,name,group,step,series,target,prediction,low,high"
    assert len(lines) == 1 + 4 * len(data.test)
    found = task(data.samples.task).read_predictions(tmp_path / "p.csv")
    assert found.indices.tolist() == data.test.indices.tolist()
    np.testing.assert_array_equal(found.targets, outcome.targets)
    np.testing.assert_array_equal(found.predictions, outcome.outputs)
    assert found.groups.tolist() == outcome.blocks.tolist()
    scorers = forecast_scorers(found.targets, found.predictions, training_scale(data))
    mase = scorers["mase"](np.ones((1, len(found.indices))))
    assert mase == pytest.approx(result["metrics"]["mase"])


def test_a_band_is_kept_as_plain_values() -> None:
    band = Band(np.array([[-1.0], [-2.0]]), np.array([[1.0], [3.0]]), "9 windows")
    record = band.record()
    assert record["level"] == forecasting.LEVEL == 0.9
    again = Band.of(record)
    assert again is not None and again.high.tolist() == [[1], [3]] and again.source == "9 windows"
    assert Band.of(None) is None
