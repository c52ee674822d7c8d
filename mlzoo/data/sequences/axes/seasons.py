"""The season of series: what their step suggests, and what their values show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from mlzoo.data.sequences.axes.times import same_step, step_text
from mlzoo.data.sequences.sequences import Series

SEASONS = {
    "D": (7, 365),
    "B": (5,),
    "W": (52,),
    "7D": (52,),
    "M": (12,),
    "Q": (4,),
    "h": (24, 168),
    "30min": (48, 336),
    "15min": (96, 672),
    "10min": (144, 1008),
    "min": (60, 1440),
}
"""Periods that series with a usual step may have, in steps."""
_LEAST_CORRELATION = 0.15
"""Correlation of values a season apart from which on the season matters."""
_MOST_SEASONS, _MOST_LOOKED_AT = 20, 5000
_FEWEST_SEASONS, _SEVERAL_SEASONS = 1.75, 5
_PEAK_WIDTH, _LEAST_EXPLAINED = 0.1, 0.15
_SHORTEST, _LONGEST_SEASON = 16, 60


def choose_season(
    all_series: Sequence[Series], targets: int, requested: int | None
) -> tuple[int, str]:
    """The season in steps, and why: that whose naive forecast is best on the first 60 %."""
    if requested is not None:
        return requested, f"{requested} steps" if requested > 1 else "none"
    step = common_step(all_series)
    known = SEASONS.get(step) or SEASONS.get(str(step).partition("-")[0].rstrip("SE"), ())
    # One step back is no season: it wins wherever values change slowly.
    errors = {season: _seasonal_error(all_series, targets, season, season) for season in known}
    shown = [
        season
        for season, error in errors.items()
        if np.isfinite(error) and _repeats(all_series, targets, season)
    ]
    for season in known:
        if season not in shown and _peaks(all_series, targets, season):
            errors[season] = _seasonal_error(all_series, targets, season, season // 4)
            shown.append(season)
    errors = {season: error for season, error in errors.items() if np.isfinite(error)}
    if not errors:
        return 1, "none that the step suggests"
    best = min(shown or errors, key=lambda season: errors[season])
    why = f"as the step of {step} and the values suggest"
    if not shown:
        why = f"as the step of {step} suggests; the values do not show it"
    return best, f"{best} steps, {why}"


def _repeats(all_series: Sequence[Series], targets: int, season: int) -> bool:
    """Return whether values repeat after a season, beyond chance, more than after half of one.

    A moving mean of one season, the trend, is subtracted first. Chance is judged by Bartlett's
    formula for the standard error of an autocorrelation (Brockwell and Davis, Time Series: Theory
    and Methods, 1991, section 7.2), with the lags of less than a quarter season, over which values
    change slowly anyway.
    """
    rows = [_detrended(series, targets, season) for series in all_series]
    lines = [row for row in rows if len(row) > season]
    if not lines:
        return False
    correlation, pairs = _correlation(lines, season)
    half, _ = _correlation(lines, max(1, season // 2))
    near = [_correlation(lines, lag)[0] for lag in range(1, (season + 3) // 4)]
    error = np.sqrt((1 + 2 * np.nansum(np.square(near))) / max(pairs, 1))
    return bool(correlation > max(_LEAST_CORRELATION, 2.58 * error, np.nan_to_num(half)))


def _peaks(all_series: Sequence[Series], targets: int, season: int) -> bool:
    """Return whether few seasons show themselves: a wave of that period fits best, beyond chance.

    `_repeats` needs about four seasons. From 1.75 on, a line and two harmonics of the season are
    fitted by least squares. Of periods from .7 to 1.4 seasons one within a tenth must fit best, and
    the harmonics must explain more than chance by an F test with as many independent residuals as
    their autocorrelation leaves (Bayley and Hammersley, The effective number of independent
    observations in an autocorrelated time series, 1946).
    """
    lines = [
        values
        for series in all_series
        for values in series.truth(targets)[: int(0.6 * len(series.values))].T.astype("float64")
        if _FEWEST_SEASONS * season <= len(values) < _SEVERAL_SEASONS * season
        and np.isfinite(values).sum() > max(len(values) / 2, 50)
    ]
    if not lines:
        return False
    factors = np.geomspace(0.7, 1.4, 29)
    left = {factor: sum(_harmonic_fit(y, factor * season)[0] for y in lines) for factor in factors}
    if abs(min(left, key=lambda factor: left[factor]) - 1) > _PEAK_WIDTH:
        return False
    for y in lines:
        unexplained, rest = _harmonic_fit(y, season)
        near = [_correlation([rest[:, None]], lag)[0] for lag in range(1, season // 4)]
        beyond = next((i for i, each in enumerate(near) if not each > 0), len(near))
        count = np.isfinite(rest).sum() / (1 + 2 * sum(near[:beyond]))
        if count <= 7:
            return False
        ratio = (1 - unexplained) / 4 / max(unexplained, 1e-12) * (count - 6)
        if unexplained > 1 - _LEAST_EXPLAINED or fdtrc(4, count - 6, ratio) > 0.001:
            return False
    return True


def _harmonic_fit(values: np.ndarray, period: float) -> tuple[float, np.ndarray]:
    """Return the share of a line's squared residuals that two harmonics leave, and what is left."""
    at = np.arange(len(values))
    known = np.isfinite(values)
    angles = 2 * np.pi * at[:, None] * np.array([1, 2]) / period
    line = np.stack([np.ones(len(at)), at / len(at)], axis=1)
    waves = np.concatenate([line, np.sin(angles), np.cos(angles)], axis=1)
    rests = []
    for design in (line, waves):
        fitted = design @ np.linalg.lstsq(design[known], values[known], rcond=None)[0]
        rests.append(np.where(known, values - fitted, np.nan))
    squares = [float(np.nansum(rest**2)) for rest in rests]
    return (squares[1] / squares[0] if squares[0] > 0 else 1.0), rests[1]


def _detrended(series: Series, targets: int, season: int) -> np.ndarray:
    """The targets of a series' first 60 % without their moving mean, NaN between stretches."""
    steps = min(int(0.6 * len(series.values)), max(_MOST_SEASONS * season, _MOST_LOOKED_AT))
    head = series.values[:steps, :targets].astype("float64")
    apart = np.full((season, targets), np.nan)
    stretches = np.split(head, series.breaks[series.breaks < steps])
    line = np.concatenate([row for stretch in stretches for row in (stretch, apart)])
    rest = line - pd.DataFrame(line).rolling(season, center=True).mean().to_numpy()
    return rest - np.nanmean(rest, axis=0) if np.isfinite(rest).any() else rest[:0]


def _correlation(lines: Sequence[np.ndarray], lag: int) -> tuple[float, int]:
    """The correlation of values some steps apart, over several lines, and how many pairs."""
    products, powers, pairs = 0.0, 0.0, 0
    for line in lines:
        a, b = line[lag:], line[:-lag]
        known = np.isfinite(a) & np.isfinite(b)
        a, b = np.where(known, a, 0.0), np.where(known, b, 0.0)
        scale = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
        moves = scale > 0
        weight = known.sum(axis=0)[moves]
        products += float(((a * b).sum(axis=0)[moves] / scale[moves] * weight).sum())
        powers += float(weight.sum())
        pairs += int(known.sum())
    return (products / powers if powers else float("nan")), pairs


def _seasonal_error(all_series: Sequence[Series], targets: int, season: int, least: int) -> float:
    """The seasonal forecast's error over that of the last value, mean of the series long enough.

    NaN where none has more than `least` steps to forecast.
    """
    ratios = []
    for series in all_series:
        far, near = (np.abs(_changes(series, targets, lag)) for lag in (season, 1))
        known = [np.isfinite(each).any(axis=0).all() for each in (far, near)]
        if len(far) >= least + 2 and all(known):
            naive_errors = np.nanmean(near, axis=0)
            ratios.append(
                np.nanmean(far, axis=0)[naive_errors > 0] / naive_errors[naive_errors > 0]
            )
    values = np.concatenate(ratios) if ratios else np.zeros(0)
    return float(values.mean()) if len(values) else float("nan")


def _changes(series: Series, targets: int, season: int) -> np.ndarray:
    """Return the changes of a series' first 60 % from one season before, without a break between.

    Shaped (steps, targets).
    """
    head = series.truth(targets)[: int(0.6 * len(series.values))]
    stretches = np.split(head, series.breaks[series.breaks < len(head)])
    return np.concatenate([stretch[season:] - stretch[:-season] for stretch in stretches])


def common_step(all_series: Sequence[Series]) -> Any:
    """The usual step of most series; None without one."""
    steps = Counter(series.times.step for series in all_series if series.times is not None)
    return max(steps, key=lambda step: (step is not None, steps[step]), default=None)


def default_window(all_series: Sequence[Series], horizon: int, season: int) -> int:
    """Four horizons or a season (of up to 60 steps), at most an eighth of the longest series."""
    wanted = max(4 * horizon, season if season <= _LONGEST_SEASON else 0, _SHORTEST)
    longest = max(len(series.values) for series in all_series)
    return max(1, min(wanted, longest // 8))


def different_steps(all_series: Sequence[Series]) -> list[str]:
    """A warning where series have different usual steps."""
    names: dict[Any, list[str]] = {}
    for series in all_series:
        if series.times is not None and series.times.step is not None:
            same = (step for step in names if same_step(step, series.times.step))
            names.setdefault(next(same, series.times.step), []).append(series.name)
    if len(names) < 2:
        return []
    described = ", ".join(
        f"{step_text(step)} ({len(series_names)}, such as {series_names[0]})"
        for step, series_names in names.items()
    )
    return [
        f"the series have different steps: {described}; a window spans more time in one than in "
        "another (leave some out, or bring them to one step)"
    ]
