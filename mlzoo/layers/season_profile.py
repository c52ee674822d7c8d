"""The mean season of a series, and its phase recognized from a window alone.

A window of the past is often shorter than two seasons, too short to average the season over its
noise, as smoothing of the whole past does. So the profile is averaged over the training split, by
classical decomposition: the values less a centered moving mean of one season, averaged by phase
(Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 2021, section 3.4).
Its frequencies are shrunk by the share of noise that few seasons leave in them (the empirical
Wiener filter). No date is needed: the probability of each phase follows from how well the profile
fits the window there, under normal errors, for any level and slope, which is a linear map and a
softmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class History:
    """Values of series on their common time axis.

    Attributes:
        values: (series, steps), NaN where unknown.
        begin: time of the first step.
    """

    values: np.ndarray
    begin: int

    def until(self, end: int) -> History:
        """Return what lies before a time."""
        return History(self.values[:, : max(0, end - self.begin)], self.begin)


@dataclass(frozen=True)
class SeasonProfile:
    """The mean season around forecasts, for each phase of the first target.

    Attributes:
        past: (season, window) the profile at the steps of the window.
        future: (season, horizon) the profile at the steps to forecast.
        kernel: (window, season) from windows to logarithms of the phases' probabilities; its
            columns are orthogonal to a constant and to a slope.
        bias: (season,) what is added to these.
    """

    past: np.ndarray
    future: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    def phases(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities (n, season) of the phases of windows x (n, window)."""
        logits = (x - x[:, -1:]) @ self.kernel + self.bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def history_of(
    x: np.ndarray, y: np.ndarray, begins: np.ndarray, series: np.ndarray | None
) -> History:
    """Return the series that windows were cut from.

    Args:
        x: (n, window) past of each window, one channel.
        y: (n, horizon) what followed, of the same channel.
        begins: (n,) time of the first target.
        series: (n,) which series each is cut from; None: there is one.
    """
    steps = np.arange(-x.shape[1], y.shape[1])
    first = int(begins.min()) + int(steps[0])
    lines = np.zeros(len(x), int) if series is None else np.unique(series, return_inverse=True)[1]
    values = np.full((int(lines.max()) + 1, int(begins.max()) + int(steps[-1]) + 1 - first), np.nan)
    values[lines[:, None], begins[:, None] - first + steps] = np.concatenate([x, y], axis=1)
    return History(values, first)


def season_profile(
    history: History, season: int, x: np.ndarray, begins: np.ndarray, horizon: int
) -> SeasonProfile | None:
    """Return the profile of a past; None where a phase was seen in no whole season.

    Args:
        history: what the profile is averaged over.
        season: steps after which a series repeats itself, over 1.
        x: (n, window) windows whose errors tell how sure a phase is.
        begins: (n,) time of their first target.
        horizon: steps to forecast.
    """
    profile = _mean_season(history, season)
    if profile is None or not len(x):
        return None
    window = x.shape[1]
    phases = np.arange(season)[:, None]
    table = profile[(phases + np.arange(-window, horizon)) % season]
    past = _without_line(table[:, :window])
    errors = _without_line(x) - past[begins % season]
    # Of a window's steps two tell level and slope.
    variance = float(np.square(errors).sum()) / (len(x) * max(1, window - 2))
    variance = max(variance, 1e-6 * float(np.square(profile).mean()))
    if not variance > 0:
        return None
    return SeasonProfile(
        past=table[:, :window],
        future=table[:, window:],
        kernel=past.T / variance,
        bias=-0.5 * np.square(past).sum(axis=1) / variance,
    )


def _mean_season(history: History, season: int) -> np.ndarray | None:
    """Return the mean season (season,), whose sum is 0, by the time modulo the season."""
    weights = np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
    half, steps = len(weights) // 2, history.values.shape[1]
    if steps < len(weights):
        return None
    sums, counts, squares = np.zeros(season), np.zeros(season), 0.0
    for values in history.values:
        trend = np.convolve(values, weights / season, "valid")
        rest = values[half : half + len(trend)] - trend
        known = np.isfinite(rest)
        at = (np.flatnonzero(known) + half + history.begin) % season
        sums += np.bincount(at, rest[known], season)
        counts += np.bincount(at, minlength=season)
        squares += float(np.square(rest[known]).sum())
    if not counts.all():
        return None
    profile = sums / counts
    left = squares - float((counts * np.square(profile)).sum())
    variance = left / max(1.0, counts.sum() - season)
    return _denoised(profile - profile.mean(), variance * float((1 / counts).sum()))


def _denoised(profile: np.ndarray, noise: float) -> np.ndarray:
    """Return a profile (season,) whose frequencies are shrunk by the share of noise in them.

    Each is multiplied by max(0, 1 - noise / power).

    Args:
        profile: means by phase.
        noise: expected power of the means' errors at each frequency: the sum of their variances.
    """
    waves = np.fft.rfft(profile)
    power = np.square(np.abs(waves))
    kept = np.divide(noise, power, out=np.ones_like(power), where=power > noise)
    return np.asarray(np.fft.irfft(waves * (1 - kept), len(profile)))


def _without_line(rows: np.ndarray) -> np.ndarray:
    """Return rows (n, steps) less the line that fits each best."""
    steps = rows.shape[1]
    line = np.stack([np.ones(steps), np.arange(steps)], axis=1)[:, : max(1, min(2, steps))]
    basis = np.linalg.qr(line)[0]
    return np.asarray(rows - (rows @ basis) @ basis.T)
