"""Exponential smoothing: recursions of many parameter vectors at once, and their choice.

Hyndman, Koehler, Snyder and Grose, "A state space framework for automatic forecasting using
exponential smoothing methods" (2002): trend none, additive or damped, season none, additive or
multiplicative, errors additive or multiplicative; the form is chosen by AICc. A grid in place of a
numerical optimizer bounds the work and gives the same result everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

_ROUNDS, _POINTS = 4, 128
_LOW = np.array([0.01, 0.0, 0.0, 0.8])
_HIGH = np.array([0.99, 0.5, 0.6, 0.98])
_LEVEL_STEPS = 10
_TINY, _LEAST_FACTOR = 1e-9, 1e-3

Trend = Literal["none", "additive", "damped"]
Season = Literal["none", "additive", "multiplicative"]


@dataclass(frozen=True)
class SmoothingForm:
    """SmoothingForm of smoothing; `period` is the season in steps, 1 without one."""

    trend: Trend
    season: Season
    period: int

    @property
    def free(self) -> np.ndarray:
        """Return which of alpha, beta, gamma and phi are free, (4,) bool."""
        trend, season = self.trend != "none", self.season != "none"
        return np.array([True, trend, season, self.trend == "damped"])

    @property
    def count(self) -> int:
        """Return the number of parameters, initial states and the variance of errors included."""
        return int(self.free.sum()) + 2 + (self.trend != "none") + (self.period - 1)


@dataclass(frozen=True)
class States:
    """States of one parameter vector after each step: `level`, `slope` (n,), `season` (n, period).

    `season[:, 0]` is that of the next step.
    """

    level: np.ndarray
    slope: np.ndarray
    season: np.ndarray


@dataclass(frozen=True)
class Smoothing:
    """A form with its parameters: alpha, beta, gamma, phi (4,)."""

    form: SmoothingForm
    parameters: np.ndarray

    def forecasts(self, y: np.ndarray, at: np.ndarray, horizon: int) -> np.ndarray:
        """Return what follows the first `at` steps of y, (len(at), horizon).

        Args:
            y: (n,) one unbroken stretch.
            at: (k,) how many steps are known, 1 or more.
            horizon: steps to forecast.
        """
        states = smooth(y, self.form, self.parameters[:, None])[1]
        known = np.asarray(at) - 1
        growth = np.cumsum(self.parameters[3] ** np.arange(1, horizon + 1))
        trend = states.level[known, None] + states.slope[known, None] * growth
        season = states.season[known][:, np.arange(horizon) % self.form.period]
        return trend * season if self.form.season == "multiplicative" else trend + season


def initial(y: np.ndarray, form: SmoothingForm) -> tuple[float, float, np.ndarray]:
    """Return level, slope and season before the first step, from the first steps."""
    period = form.period
    season = np.zeros(1)
    if form.season != "none":
        count = min(len(y) // period, 3)
        head = y[: count * period].reshape(count, period)
        mean = head.mean(axis=1, keepdims=True)
        # The trend within a season is no part of it.
        place = (np.arange(period) - (period - 1) / 2) / period
        slope = (mean[-1] - mean[0]) / max(1, count - 1)
        if form.season == "multiplicative":
            season = (head / np.maximum(mean + slope * place, 1e-9 * np.abs(y).max())).mean(axis=0)
            season = np.maximum(season / season.mean(), _LEAST_FACTOR)
        else:
            season = (head - mean - slope * place).mean(axis=0)
            season = season - season.mean()
    steps = min(len(y), max(_LEVEL_STEPS, period))
    repeated = np.resize(season, steps)
    adjusted = y[:steps] / repeated if form.season == "multiplicative" else y[:steps] - repeated
    if form.trend == "none":
        return float(adjusted.mean()), 0.0, season
    slope, level = np.polyfit(np.arange(1, steps + 1), adjusted, 1)
    return float(level), float(slope), season


def smooth(y: np.ndarray, form: SmoothingForm, parameters: np.ndarray) -> tuple[np.ndarray, States]:
    """Run the recursions for parameters (4, p) over a stretch y (n,).

    Returns:
        One-step forecasts (n, p), and the states of the first parameter vector.
    """
    alpha, beta, gamma, phi = parameters
    begin_level, begin_slope, begin_season = initial(y, form)
    ones = np.ones_like(alpha)
    level, slope, period = begin_level * ones, begin_slope * ones, form.period
    # A ring: season[t % period] is that of step t.
    season = np.resize(begin_season, period)[:, None] * ones
    fitted = np.empty((len(y), len(ones)))
    states = States(np.empty(len(y)), np.empty(len(y)), np.empty((len(y), period)))
    times = form.season == "multiplicative"
    order = (np.arange(period) + np.arange(1, period + 1)[:, None]) % period
    for t, value in enumerate(y):
        place = t % period
        before, own = level + phi * slope, season[place].copy()
        fitted[t] = before * own if times else before + own
        adjusted = value / own if times else value - own
        level = before + alpha * (adjusted - before)
        slope = phi * slope + alpha * beta * (adjusted - before)
        if times:
            change = value / np.where(np.abs(before) > _TINY, before, _TINY) - own
            season[place] = np.maximum(own + gamma * change, _LEAST_FACTOR)
        elif form.season == "additive":
            season[place] = own + gamma * (value - before - own)
        states.level[t], states.slope[t] = level[0], slope[0]
        states.season[t] = season[order[place], 0]
    return fitted, states


def choose(y: np.ndarray, period: int) -> Smoothing:
    """Return the form and parameters with the least AICc.

    Args:
        y: (n,) values of one unbroken stretch, without missing ones.
        period: season in steps; 1: none.
    """
    candidates = [_fitted(y, form) for form in _forms(y, period)]
    return min(candidates, key=lambda candidate: candidate[0])[1]


def _forms(y: np.ndarray, period: int) -> Iterator[SmoothingForm]:
    """Yield the forms that a stretch is long enough for; products need positive values."""
    seasons: list[Season] = ["none"]
    if period > 1 and len(y) >= 2 * period + 5:
        seasons += ["additive", "multiplicative"] if y.min() > 0 else ["additive"]
    trends: tuple[Trend, ...] = ("none", "additive", "damped")
    for trend, season in product(trends, seasons):
        form = SmoothingForm(trend, season, period if season != "none" else 1)
        if trend == "none" or len(y) > form.count + 3:
            yield form


def _fitted(y: np.ndarray, form: SmoothingForm) -> tuple[float, Smoothing]:
    """Return the least AICc of a form, and its parameters, by grids around the best."""
    rng = np.random.default_rng(0)
    low, high = _LOW.copy(), _HIGH.copy()
    points = low[:, None] + (high - low)[:, None] * rng.random((4, _POINTS))
    best, chosen = np.inf, points[:, 0]
    width = (high - low) / 2
    for _ in range(_ROUNDS):
        points = _constrained(points, form)
        scores = _aicc(y, smooth(y, form, points)[0], form)
        if scores.min() < best or not np.isfinite(best):
            best, chosen = float(scores.min()), points[:, int(scores.argmin())]
        width = width / 3
        around = chosen[:, None] + width[:, None] * rng.uniform(-1, 1, (4, _POINTS))
        points = np.clip(around, low[:, None], high[:, None])
    return best, Smoothing(form, chosen)


def _constrained(points: np.ndarray, form: SmoothingForm) -> np.ndarray:
    """Return parameters with those that a form lacks at what switches them off."""
    off = np.array([0.0, 0.0, 0.0, 1.0])[:, None]
    points = np.where(form.free[:, None], points, off)
    points[2] = np.minimum(points[2], 1 - points[0])
    return points


def _aicc(y: np.ndarray, fitted: np.ndarray, form: SmoothingForm) -> np.ndarray:
    """Return the corrected AIC (p,) under additive or multiplicative errors, the lower one."""
    count, free = len(y), form.count
    error = y[:, None] - fitted
    tiny = 1e-12 * max(1.0, float(np.square(y).mean()))
    with np.errstate(all="ignore"):
        scores = count * np.log(np.maximum(np.square(error).mean(axis=0), tiny))
        if y.min() > 0:
            relative = np.square(error / fitted).mean(axis=0)
            other = count * np.log(np.maximum(relative, 1e-12))
            other = other + 2 * np.log(np.abs(fitted)).sum(axis=0)
            positive = (fitted > 0).all(axis=0)
            scores = np.fmin(scores, np.where(positive, other, np.inf))
    correction = 2 * free * (free + 1) / max(1, count - free - 1)
    scores = scores + 2 * free + correction
    return np.where(np.isfinite(scores), scores, np.inf)
