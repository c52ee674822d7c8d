"""Layers of windows, classic forecasts as weights, and the start that is combined of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.layers import window_kernels as kernels
from mlzoo.layers.window_ridge import in_logarithms
from mlzoo.layers.window_start import linear_start, positive
from mlzoo.layers.windows import (
    LogChannels,
    NormalizedWindow,
    WindowForecast,
    WindowSeason,
    WindowShortcut,
)
from tests.tasks.made_forecasts import series_data

RNG = np.random.default_rng(0)


def numbers(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def monthly(count: int, slope: float = 0.0, noise: float = 0.0) -> np.ndarray:
    t = np.arange(count)
    season = 5 * np.sin(2 * np.pi * t / 6) + 2 * (t % 6 == 3)
    return 40 + slope * t + season + np.random.default_rng(1).normal(0, noise, count)


# Classic forecasts


@pytest.mark.parametrize(("window", "season"), [(1, 1), (5, 1), (8, 4), (9, 4), (20, 6), (6, 6)])
def test_kernels_shift_with_the_window(window: int, season: int) -> None:
    found = kernels.structural(window, 7, season)
    assert found.shape[1:] == (window, 7)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)


def test_the_last_season_is_repeated() -> None:
    window = np.arange(10.0)
    found = window @ kernels.last_season(10, 9, 4)
    np.testing.assert_array_equal(found, [6, 7, 8, 9, 6, 7, 8, 9, 6])


def test_a_trend_goes_on_and_is_damped() -> None:
    line = 3 + 2.0 * np.arange(12)
    straight = line @ kernels.damped_trend(12, 3, 0.5, 0.3, 1.0)
    np.testing.assert_allclose(straight, [27, 29, 31])
    damped = line @ kernels.damped_trend(12, 3, 0.5, 0.3, 0.8)
    assert (np.diff(damped) > 0).all()
    assert damped[2] < 31


@pytest.mark.parametrize("slope", [0.0, 1.5])
def test_seasons_with_a_trend_go_on(slope: float) -> None:
    y = monthly(40, slope)
    expected = y[24:34]
    found = y[:24] @ kernels.season_profile(24, 10, 6, 0.4, 0.2, 1.0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    changed = y[:24] @ kernels.season_and_change(24, 10, 6, 0.5, 1.0)
    np.testing.assert_allclose(changed, expected, atol=1e-6)


# The start


def forecasts(data: Any, log: bool = False) -> np.ndarray:
    """Forecasts of the test windows by the start, as its description says."""
    start = linear_start(data, log)
    x = np.asarray(data.test.inputs(), "float64")
    channels = list(data.outputs.channels)
    if log:
        x[..., channels] = in_logarithms(x[..., channels])
    last = x[:, -1]
    flat = (x - last[:, None]).reshape(len(x), -1)
    z = last[:, None, channels] + np.stack(
        [
            flat @ start.kernel[t] + (last - start.mean) @ start.level[t] + start.bias[t]
            for t in range(len(channels))
        ],
        axis=-1,
    )
    return np.exp(z) if log else z


def error(data: Any, log: bool = False) -> float:
    return float(np.abs(forecasts(data, log) - data.test.targets).mean())


def naive(data: Any) -> float:
    last = data.test.inputs()[:, -1:, list(data.outputs.channels)]
    return float(np.abs(last - data.test.targets).mean())


def test_a_random_walk_is_forecast_by_its_last_value() -> None:
    data = series_data([np.cumsum(RNG.normal(size=200))], window=16, horizon=3)
    assert error(data) < 1.1 * naive(data)


def test_a_series_with_trend_and_season_is_forecast_from_few_windows() -> None:
    data = series_data([monthly(70, 0.8, noise=0.5)], window=18, horizon=6, season=6)
    assert len(data.train) < 25
    assert error(data) < 0.9
    assert linear_start(data).drifts


def test_an_autoregression_is_found() -> None:
    y = np.zeros(400)
    for t in range(2, 400):
        y[t] = 1.2 * y[t - 1] - 0.7 * y[t - 2] + RNG.normal()
    data = series_data([y], window=12)
    best = np.abs(y[2:] - 1.2 * y[1:-1] + 0.7 * y[:-2]).mean()
    assert error(data) < 1.15 * best
    assert not linear_start(data).drifts


def test_of_intermittent_demand_the_median_is_forecast() -> None:
    rng = np.random.default_rng(0)
    demand = np.where(rng.random(300) < 0.3, 1.0 + rng.poisson(5, 300), 0.0)
    data = series_data([demand], window=12, horizon=3)
    assert linear_start(data).repeats
    # By absolute errors the best forecast of what is mostly 0 is 0, not the mean.
    none, mean = (np.abs(data.test.targets - each).mean() for each in (0, demand.mean()))
    assert error(data) < 1.02 * none < 0.85 * mean
    assert not linear_start(series_data([monthly(70, 0.8, noise=0.5)], window=18)).repeats


def test_noise_around_a_level_that_stays_is_forecast_by_its_mean() -> None:
    y = np.random.default_rng(2).normal(50, 3, 200)
    data = series_data([y], window=6, horizon=2)
    assert error(data) < 1.02 * np.abs(data.test.targets - 50).mean()
    # Forecasts by the means of windows err by a variance that is a sixth larger.
    means = data.test.inputs().mean(axis=1, keepdims=True)
    assert error(data) < 0.97 * np.abs(data.test.targets - means).mean()


def test_growth_in_percent_is_forecast_in_logarithms() -> None:
    y = np.exp(0.04 * np.arange(90) + 0.3 * np.sin(np.arange(90) * np.pi / 3))
    data = series_data([y], window=12, horizon=6, season=6)
    assert positive(data)
    assert linear_start(data, log=True).error < 0.2 * linear_start(data).error
    assert error(data, log=True) < 0.2 * error(data)
    assert not positive(series_data([y - 2], window=4))


def test_other_channels_are_used() -> None:
    driver = RNG.normal(size=300)
    y = np.r_[0.0, 3 * driver[:-1]] + 0.1 * RNG.normal(size=300)
    data = series_data([np.stack([y, driver], axis=1)], window=4)
    assert error(data) < 0.2
    assert naive(data) > 2


@pytest.mark.parametrize("size", [1e-3, 1e3])
@pytest.mark.parametrize("horizon", [1, 3])
def test_what_is_known_ahead_is_used_whatever_its_unit(horizon: int, size: float) -> None:
    promoted = (RNG.random(300) < 0.3).astype(float)
    y = np.cumsum(RNG.normal(size=300) * 0.1) + 5 * promoted
    series = [np.stack([y, size * promoted], axis=1)]
    assert error(series_data(series, window=8, horizon=horizon)) > 1
    assert error(series_data(series, window=8, horizon=horizon, ahead=[1])) < 0.25


def test_series_that_are_known_have_drifts_of_their_own() -> None:
    walks = np.cumsum(RNG.normal(size=(2, 150)) * 2 + [[1.0], [-1.0]], axis=1)
    series = [np.stack([walk, np.full(150, kind)], axis=1) for kind, walk in enumerate(walks)]
    known = error(series_data(series, window=4, horizon=8, static=[1]))
    assert known < 0.8 * error(series_data([walk for walk in walks], window=4, horizon=8))


def test_without_windows_to_judge_by_the_last_value_is_repeated() -> None:
    data = series_data([np.arange(6.0)], window=2)
    start = linear_start(data)
    assert start.error == np.inf
    assert not start.kernel.any()
    assert not start.level.any()


def test_missing_targets_are_left_out() -> None:
    y = monthly(120, 0.3)
    y[[30, 41, 42]] = np.nan
    data = series_data([y], window=12, horizon=3, season=6, missing="previous")
    known = np.isfinite(data.test.targets)
    assert np.abs(forecasts(data) - data.test.targets)[known].mean() < 1


def test_windows_shorter_than_two_seasons_know_the_mean_season() -> None:
    data = series_data([monthly(150, 0.2, noise=2.0)], window=8, horizon=6, season=6)
    start = linear_start(data, season=6)
    assert start.error < 0.95 * linear_start(data).error
    assert start.seasons[0] is not None
    assert linear_start(data).seasons == (None,)


def test_a_season_that_is_none_changes_little() -> None:
    data = series_data([np.cumsum(RNG.normal(size=200))], window=16, horizon=3, season=6)
    assert linear_start(data, season=6).error < 1.05 * linear_start(data).error


# Layers


@pytest.mark.backends
def test_each_phase_of_a_season_adds_its_offsets() -> None:
    layer = WindowSeason((1,), 2, 3)
    layer.build((None, 4, 2))
    x = RNG.normal(size=(5, 4, 2)).astype("float32")
    np.testing.assert_array_equal(numbers(layer(x)), np.zeros((5, 2, 1)))
    kernel, bias, offsets = (RNG.normal(size=shape) for shape in ((4, 3), (3,), (3, 2)))
    layer.set_weights([kernel[None], bias[None], offsets[None]])
    odds = np.exp((x[..., 1] - x[:, -1:, 1]) @ kernel + bias)
    expected = odds / odds.sum(axis=1, keepdims=True) @ offsets
    np.testing.assert_allclose(numbers(layer(x))[..., 0], expected, rtol=1e-4, atol=1e-5)
    assert not layer.trainable_variables


@pytest.mark.backends
def test_each_window_is_normalized() -> None:
    x = RNG.normal(5, 3, (4, 9, 2)).astype("float32")
    windows, level, scale = map(numbers, NormalizedWindow("standard", (1,))(x))
    np.testing.assert_allclose(windows.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(windows.std(axis=1), 1, atol=1e-2)
    np.testing.assert_allclose(level[:, 0, 0], x[..., 1].mean(axis=1), rtol=1e-5)
    layer = NormalizedWindow("last", (1, 0))
    windows, level, scale = map(numbers, layer(x))
    np.testing.assert_allclose(windows, x - x[:, -1:], atol=1e-6)
    np.testing.assert_array_equal(level, x[:, -1:, ::-1])
    layer = NormalizedWindow("last", (0,), context=(1,))
    layer.build((None, 4, 2))
    layer.mean.assign([10.0, 1.0])
    layer.scale.assign([2.0, 4.0])
    steps = np.stack([np.arange(4.0), np.arange(4.0)], axis=-1)[None]
    windows, level, _ = map(numbers, layer(steps))
    np.testing.assert_allclose(windows[0], [[-1.5, -0.25], [-1, 0], [-0.5, 0.25], [0, 0.5]])
    assert level.ravel().tolist() == [3]
    layer = NormalizedWindow("none", (0,))
    layer.build((None, 9, 2))
    layer.mean.assign([5.0, 4.0])
    layer.scale.assign([2.0, 3.0])
    windows, level, scale = map(numbers, layer(x))
    np.testing.assert_allclose(windows, (x - [5, 4]) / [2, 3], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(level.ravel(), 5)
    np.testing.assert_allclose(scale.ravel(), 2)
    flat = numbers(NormalizedWindow("standard", (0,))(np.full((1, 4, 1), 7.0))[0])
    np.testing.assert_array_equal(flat, 0)
    with pytest.raises(ValueError, match="choose one of none, last, standard"):
        NormalizedWindow("first", (0,))


@pytest.mark.backends
def test_logarithms_are_of_some_channels() -> None:
    x = np.array([[[2.0, -3.0], [0.0, 5.0]]], "float32")
    layer = LogChannels((0,))
    layer.build((None, 2, 2))
    layer.lowest.assign([2.0, 1.0])
    found = numbers(layer(x))
    np.testing.assert_allclose(found[0], [[np.log(2), -3], [np.log(0.02), 5]], rtol=1e-5)
    finish = WindowForecast(log=True)
    z = np.array([[[0.5], [9.0]]], "float32")
    np.testing.assert_allclose(numbers(finish(z)), np.exp(z), rtol=1e-5)
    finish.most.assign([2.0])
    np.testing.assert_allclose(numbers(finish(z)), np.exp([[[0.5], [2.0]]]), rtol=1e-5)


@pytest.mark.backends
def test_a_forecast_is_the_base_and_what_is_added() -> None:
    base, added = RNG.normal(size=(2, 3, 1)), RNG.normal(size=(2, 3, 1))
    scale = np.array([[[2.0]], [[4.0]]])
    found = numbers(WindowForecast()([base, added, scale]))
    np.testing.assert_allclose(found, base + scale * added, rtol=1e-5)


@pytest.mark.backends
def test_a_shortcut_is_linear_and_begins_at_the_last_value(tmp_path: Path) -> None:
    x = RNG.normal(size=(5, 4, 3)).astype("float32")
    inputs = keras.Input((4, 3))
    shortcut = WindowShortcut((2, 0), 2, l2=0.1, name="shortcut")
    model = keras.Model(inputs, shortcut(inputs))
    np.testing.assert_allclose(numbers(model(x)), np.repeat(x[:, -1:, [2, 0]], 2, axis=1))
    kernel, bias = RNG.normal(size=(15, 4)), RNG.normal(size=4)
    shortcut.start.assign(kernel)
    shortcut.start_bias.assign(bias)
    shortcut.scale.assign([2.0, 1.0, 0.5])
    shortcut.mean.assign([1.0, 0.0, 0.0])
    shortcut.spread.assign([1.0, 3.0, 1.0])
    change = ((x - x[:, -1:]) / [2, 1, 0.5]).reshape(5, 12)
    level = (x[:, -1] - [1, 0, 0]) / [1, 3, 1]
    values = (np.concatenate([change, level], axis=1) @ kernel + bias).reshape(5, 2, 2)
    expected = x[:, -1:, [2, 0]] + values * [0.5, 2.0]
    np.testing.assert_allclose(numbers(model(x)), expected, rtol=1e-4, atol=1e-5)
    assert [v.name for v in model.trainable_variables] == ["kernel", "bias"]
    shortcut.kernel.assign(np.ones((15, 4)))
    assert float(numbers(sum(model.losses))) == pytest.approx(6.0)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(numbers(loaded(x)), numbers(model(x)), rtol=1e-6)
