"""Exponential smoothing: its recursions, its choice of a form, and forecasts of windows."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.baselines import ets
from mlzoo.baselines._smoothing import Smoothing, SmoothingForm, choose, initial, smooth
from mlzoo.data.samples import Part
from tests.tasks.made_forecasts import series_data

SEASON = np.array([4.0, -1.0, -5.0, 2.0])


def seasonal(count: int, slope: float = 0.0, noise: float = 0.0) -> np.ndarray:
    t = np.arange(count)
    return 50 + slope * t + SEASON[t % 4] + np.random.default_rng(0).normal(0, noise, count)


def test_the_recursions_are_those_of_the_textbook() -> None:
    y = 30 + np.random.default_rng(1).normal(0, 3, 25)
    alpha, beta, gamma, phi = 0.4, 0.3, 0.2, 0.9
    form = SmoothingForm("damped", "additive", 4)
    level, slope, season = initial(y, form)
    seasons = list(season)
    fitted, states = smooth(y, form, np.array([[alpha], [beta], [gamma], [phi]]))
    for t, value in enumerate(y):
        before = level + phi * slope
        assert fitted[t, 0] == pytest.approx(before + seasons[t])
        new = alpha * (value - seasons[t]) + (1 - alpha) * before
        slope = beta * (new - level) + (1 - beta) * phi * slope
        seasons.append(gamma * (value - before) + (1 - gamma) * seasons[t])
        level = new
    assert states.level[-1] == pytest.approx(level)
    assert states.slope[-1] == pytest.approx(slope)
    smoothing = Smoothing(form, np.array([alpha, beta, gamma, phi]))
    expected = [
        level + slope * sum(phi**i for i in range(1, h + 1)) + seasons[len(y) + (h - 1) % 4]
        for h in range(1, 7)
    ]
    np.testing.assert_allclose(smoothing.forecasts(y, np.array([25]), 6)[0], expected)


@pytest.mark.parametrize(
    ("y", "trend", "season"),
    [
        (50 + np.random.default_rng(3).normal(0, 3, 60), "none", "none"),
        (seasonal(60, noise=0.3) - 50, "none", "additive"),
        (seasonal(60, slope=1.5, noise=0.3), "additive", "additive"),
        (np.exp(0.05 * np.arange(60)) * (1 + 0.1 * seasonal(60) - 5), "additive", "multiplicative"),
    ],
)
def test_the_form_is_that_of_the_values(y: np.ndarray, trend: str, season: str) -> None:
    form = choose(y, 4).form
    assert form.season == season
    assert form.trend == trend


def test_a_trend_and_a_season_go_on() -> None:
    y = seasonal(80, slope=1.5)
    found = choose(y[:60], 4).forecasts(y[:70], np.array([60, 70]), 8)
    np.testing.assert_allclose(found, [y[60:68], y[70:78]], atol=0.6)


def test_windows_are_forecast_from_all_that_is_known_and_no_more() -> None:
    y = seasonal(100, slope=0.5, noise=0.2)
    data = series_data([y], window=3, horizon=5, season=4)
    fitted = ets.fit(data, 0)
    assert fitted is not None
    assert fitted.note == "additive trend, additive season of 4 steps"
    found = fitted.predict(data.test)
    assert found.shape == data.test.targets.shape
    assert np.abs(found - data.test.targets).mean() < 0.4
    first = Part(data.samples, data.test.indices[:1])
    later = y.copy()
    later[int(data.samples.targets.starts[first.indices[0]]) :] += 1000
    other = series_data([later], window=3, horizon=5, season=4)
    again = ets.fit(other, 0)
    assert again is not None
    np.testing.assert_allclose(again.predict(Part(other.samples, first.indices)), found[:1])


def test_each_series_has_smoothing_of_its_own() -> None:
    rising, falling = 2.0 * np.arange(60), 300 - 3.0 * np.arange(60)
    data = series_data([rising, falling], window=2, horizon=3)
    fitted = ets.fit(data, 0)
    assert fitted is not None
    np.testing.assert_allclose(fitted.predict(data.test), data.test.targets, atol=0.5)


def test_missing_values_are_bridged_and_short_series_left_out() -> None:
    y = seasonal(60, slope=0.5)
    y[[20, 21, 50]] = np.nan
    data = series_data([y], window=3, horizon=2, season=4, missing="previous")
    fitted = ets.fit(data, 0)
    assert fitted is not None
    known = np.isfinite(data.test.targets)
    error = np.abs(fitted.predict(data.test) - data.test.targets)[known]
    assert error.mean() < 2
    assert ets.fit(series_data([np.arange(9.0)], window=1), 0) is None
