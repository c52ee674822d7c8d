"""Classic forecasts as weights on the steps of a window: smoothing, trend, season.

Each is a matrix (window, horizon) whose columns sum to 1, so that a shifted window shifts the
forecast. Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 2021,
chapters 5 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

_SMOOTHING = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0)
_TREND = tuple(product((0.2, 0.5, 0.8), (0.1, 0.3), (0.8, 0.95, 1.0)))
_CHANGE = tuple(product((0.05, 0.2, 0.5, 1.0), (0.5, 0.8, 1.0)))
_PROFILE = tuple(product((0.0, 0.4), (0.05, 0.2, 0.5, 0.9), (0.0, 0.5, 1.0)))
_SHORTEST_TREND = 6


def structural(window: int, horizon: int, season: int) -> np.ndarray:
    """Return the forecasts that a window is long enough for, (kernels, window, horizon).

    Args:
        window: steps of the past, at least 1.
        horizon: steps to forecast.
        season: steps after which a series repeats itself; 1: it does not.
    """
    return np.stack(list(_kernels(window, horizon, season)))


def _kernels(window: int, horizon: int, season: int) -> Iterator[np.ndarray]:
    yield np.full((window, horizon), 1 / window)
    for alpha in _SMOOTHING:
        yield np.repeat(_decaying(window, alpha)[:, None], horizon, axis=1)
    if window >= _SHORTEST_TREND:
        for alpha, beta, damping in _TREND:
            yield damped_trend(window, horizon, alpha, beta, damping)
    if season <= 1 or window < season:
        return
    yield last_season(window, horizon, season)
    if window > season:
        for alpha, share in _CHANGE:
            yield season_and_change(window, horizon, season, alpha, share)
    if window >= 2 * season:
        for gamma, alpha, share in _PROFILE:
            yield season_profile(window, horizon, season, gamma, alpha, share)


def _decaying(steps: int, alpha: float) -> np.ndarray:
    """Return weights (steps,) of exponential smoothing that sum to 1; the last is the largest."""
    weights = (1.0 - alpha) ** np.arange(steps)[::-1]
    return np.asarray(weights / weights.sum())


def damped_trend(
    window: int, horizon: int, alpha: float, beta: float, damping: float
) -> np.ndarray:
    """Return Holt's method with a damped trend (Gardner and McKenzie, 1985).

    Args:
        window: steps of the past, at least 2.
        horizon: steps to forecast.
        alpha: smoothing of the level, in (0, 1].
        beta: smoothing of the trend, in (0, 1].
        damping: factor of the trend from step to step, in (0, 1].
    """
    steps = np.eye(window)
    first = min(window - 1, 4)
    level, slope = steps[0], (steps[first] - steps[0]) / first
    for step in steps[1:]:
        before = level
        level = alpha * step + (1 - alpha) * (level + damping * slope)
        slope = beta * (level - before) + (1 - beta) * damping * slope
    growth = np.cumsum(damping ** np.arange(1, horizon + 1))
    return level[:, None] + slope[:, None] * growth


def last_season(window: int, horizon: int, season: int) -> np.ndarray:
    """Return the values of the last season, repeated; a window has at least one."""
    ahead = np.arange(1, horizon + 1)
    back = season * np.ceil(ahead / season).astype(int) - ahead
    kernel = np.zeros((window, horizon))
    kernel[window - 1 - back, ahead - 1] = 1
    return kernel


def season_and_change(
    window: int, horizon: int, season: int, alpha: float, share: float
) -> np.ndarray:
    """Return the last season plus a share of the smoothed change from one season to the next.

    Args:
        window: steps of the past, more than a season.
        horizon: steps to forecast.
        season: steps of a season.
        alpha: smoothing of the change, in (0, 1].
        share: of the change that goes on, in [0, 1].
    """
    weights = _decaying(window - season, alpha)
    change = np.zeros(window)
    change[season:] += weights
    change[:-season] -= weights
    seasons_ahead = np.ceil(np.arange(1, horizon + 1) / season)
    return last_season(window, horizon, season) + share * change[:, None] * seasons_ahead


def season_profile(
    window: int, horizon: int, season: int, gamma: float, alpha: float, share: float
) -> np.ndarray:
    """Return additive decomposition: level, linear trend, and a mean profile of the seasons.

    Args:
        window: steps of the past, at least two seasons.
        horizon: steps to forecast.
        season: steps of a season.
        gamma: how fast earlier seasons lose weight in the profile, in [0, 1); 0: all weigh alike.
        alpha: smoothing of the seasonally adjusted level, in (0, 1].
        share: of the trend from the first season to the last one that goes on, in [0, 1].
    """
    count = window // season
    begin = window - count * season
    steps = np.eye(window)
    seasons = steps[begin:].reshape(count, season, window)
    means = seasons.mean(axis=1)
    slope = share * (means[-1] - means[0]) / ((count - 1) * season)
    weights = (1.0 - gamma) ** np.arange(count)[::-1]
    place = np.arange(season) - (season - 1) / 2
    profile = np.einsum("c,csw->sw", weights / weights.sum(), seasons - means[:, None])
    profile = profile - place[:, None] * slope
    profile = profile - profile.mean(axis=0)
    at = np.arange(window)
    adjusted = steps - profile[(at - begin) % season] + slope * (window - 1 - at)[:, None]
    level = _decaying(window, alpha) @ adjusted
    ahead = np.arange(1, horizon + 1)
    return (level + slope * ahead[:, None] + profile[(ahead - 1) % season]).T
