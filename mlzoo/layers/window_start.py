"""A linear forecast of a window, combined of classic ones and ridge regressions by validation.

Each candidate is a classic forecast (`window_kernels`) with a ridge regression of what it leaves;
a strong penalty leaves the classic forecast as it is. Where there is a season, each is applied to
windows without their mean season too (`season_profile`). Candidates are judged on origins that roll
through the training split and on the validation split, and averaged with weights that fall with
their error: an average is seldom much worse than the best (Timmermann, "Forecast Combinations",
2006), while the best of many on few windows is often one that was lucky. All are linear in the
window and in the probabilities of its phases, and so is their average. Where levels stay, a
constant is a candidate too. Where one value recurs, as no demand does, residuals are centered at
their median.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.layers.season_profile import History, SeasonProfile, history_of, season_profile
from mlzoo.layers.window_kernels import structural
from mlzoo.layers.window_ridge import PENALTIES, Candidates, WindowRidge, WindowRows, in_logarithms

_POWER = 64
"""Weights of candidates fall with this power of their error."""
_CLEARLY, _MOST_OUTSIDE = 0.99, 0.2
_ROLLS = 2
_MOST_ROWS, _MOST_SCORED = 4000, 500
_MOST_NUMBERS = 4_000_000
"""Numbers that the forecasts of all kernels for the windows of a fit have, at most."""
_FEWEST = 3
"""Windows that a regression is fitted on, at least."""
_REPEATED = 0.2
"""Share of one value among the targets from which on their median is forecast, not their mean."""


@dataclass(frozen=True)
class SeasonTerm:
    """Summand of a forecast in each phase of a season.

    Attributes:
        profile: the season, which tells the probabilities of phases.
        offsets: (season, horizon) what is added in each.
    """

    profile: SeasonProfile
    offsets: np.ndarray


@dataclass(frozen=True)
class Start:
    """Linear forecast of windows, in the values' own units or their logarithms.

    Attributes:
        kernel: (targets, window * channels, horizon) weights of the window less its last step.
        level: (targets, channels, horizon) weights of the last step less `mean`.
        bias: (targets, horizon) what is added, with the last value of the target.
        mean: (channels,) mean of the last steps of the training windows.
        error: mean absolute error at the rolling origins, in standard deviations of the targets;
            infinite where there are too few windows to judge by.
        drifts: whether regressions on changes from the last step had the lower error than those
            on the values.
        seasons: what is added in each phase of a season, of each target; None without one.
        repeats: whether one value, such as no demand, recurs so often in every target that
            medians are forecast.
    """

    kernel: np.ndarray
    level: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    error: float
    drifts: bool
    seasons: tuple[SeasonTerm | None, ...] = (None,)
    repeats: bool = False


def linear_start(data: Data, log: bool = False, season: int = 1) -> Start:
    """Return the combined linear forecast of the targets, which are among the inputs.

    Args:
        data: windows in three splits; the test split is not read.
        log: of the logarithms of the targets, which are all positive.
        season: steps of the mean season that may be taken away; 1: none is.
    """
    horizon, channels = data.outputs.horizon, data.outputs.channels
    windows = data.samples.windows
    repeats = 1 if windows is None else windows.season
    window = int(data.samples.inputs.shape[1])
    constant = np.zeros((1, window, horizon))
    kernels = np.concatenate([structural(window, horizon, repeats), constant])
    most = int(np.clip(_MOST_NUMBERS // (len(kernels) * horizon), 100, _MOST_ROWS))
    fits = []
    for target, channel in enumerate(channels):
        train = _rows(data, data.train, target, log, most)
        valid = _rows(data, data.valid, target, log, min(most, _MOST_SCORED))
        folds = list(_folds(train, valid))
        candidates = Candidates(kernels, channel, log, data.outputs.context)
        past = _history(data, target, log) if season > 1 and folds else None
        profiles = None if past is None else _profiles(past, season, folds, train, candidates)
        steady = _steady(train, valid, channel)
        fits.append(_combined(train, folds, candidates, profiles, steady))
    return Start(
        kernel=np.stack([fit.kernel for fit in fits]),
        level=np.stack([fit.level for fit in fits]),
        bias=np.stack([fit.bias for fit in fits]),
        mean=fits[0].mean,
        error=float(np.mean([fit.error for fit in fits])),
        drifts=bool(np.mean([fit.drifts for fit in fits]) >= 0.5),
        seasons=tuple(fit.seasons[0] for fit in fits),
        repeats=all(fit.repeats for fit in fits),
    )


def positive(data: Data) -> bool:
    """Return whether the targets are positive in the training and validation splits."""
    channels = list(data.outputs.channels)
    values = [
        np.asarray(each, "float64").ravel()
        for part in (data.train, data.valid)
        if len(part)
        for each in (part.inputs()[..., channels], part.targets)
    ]
    known = np.concatenate(values)
    return bool((known[np.isfinite(known)] > 0).all())


def _rows(data: Data, part: Part, target: int, log: bool, most: int) -> WindowRows:
    """Return the windows of a split whose targets are known, in order of time.

    Args:
        data: of the split.
        part: the split.
        target: position of the target.
        log: whether channels of targets become logarithms; targets stay as they are.
        most: windows, evenly chosen from more.
    """
    indices, windows = part.indices, part.samples.windows
    begins, ends = np.arange(len(indices)), np.arange(len(indices)) + 1
    if windows is not None:
        begins, ends = windows.first_targets[indices], windows.spans[indices, 1]
    y = np.asarray(part.targets, "float64")[..., target]
    order = np.argsort(begins, kind="stable")
    order = order[np.isfinite(y[order]).all(axis=1)]
    if len(order) > most:
        order = order[np.linspace(0, len(order) - 1, most).astype(int)]
    x = np.nan_to_num(np.asarray(part.inputs(order), "float64"))
    if log:
        columns = list(data.outputs.channels)
        x[..., columns] = in_logarithms(x[..., columns])
    return WindowRows(x, y[order], begins[order], ends[order])


def _folds(train: WindowRows, valid: WindowRows) -> Iterator[tuple[WindowRows, WindowRows]]:
    """Yield windows to fit on and windows to score on, whose targets all lie later."""
    borders = np.linspace(len(train) / 2, len(train), _ROLLS + 1).astype(int)
    for low, high in zip(borders[:-1], borders[1:], strict=True):
        scored = train.at(np.arange(low, high))
        if len(scored):
            fitted = train.at(np.flatnonzero(train.ends <= scored.begins[0]))
            if len(fitted) >= _FEWEST:
                yield fitted, scored
    if len(valid) and len(train) >= _FEWEST:
        yield train, valid


def _history(data: Data, target: int, log: bool) -> History:
    """Return the values of a target, or their logarithms, up to the end of the training split."""
    windows, part = data.samples.windows, data.train
    assert windows is not None
    x = np.asarray(part.inputs()[..., data.outputs.channels[target]], "float64")
    y = np.asarray(part.targets, "float64")[..., target]
    if log:
        x, y = in_logarithms(x), np.where(np.isfinite(y), in_logarithms(y), np.nan)
    series = None if windows.series is None else windows.series[part.indices]
    return history_of(x, y, windows.first_targets[part.indices], series)


def _profiles(
    past: History,
    season: int,
    folds: list[tuple[WindowRows, WindowRows]],
    train: WindowRows,
    candidates: Candidates,
) -> list[SeasonProfile] | None:
    """Return the mean season that each fold knows, and that of the training split; None without."""
    profiles = []
    known = [(fitted, past.until(int(scored.begins[0]))) for fitted, scored in folds]
    for rows, history in [*known, (train, past)]:
        x = rows.x[..., candidates.channel]
        profile = season_profile(history, season, x, rows.begins, candidates.kernels.shape[2])
        if profile is None:
            return None
        profiles.append(profile)
    return profiles


def _combined(
    train: WindowRows,
    folds: list[tuple[WindowRows, WindowRows]],
    candidates: Candidates,
    profiles: list[SeasonProfile] | None,
    steady: bool,
) -> Start:
    """Return the combination for one target; without folds to judge by, its last value.

    Args:
        train: windows of the training split.
        folds: windows to fit on and to score on.
        candidates: what candidates share.
        profiles: mean seasons of the folds, then that of the training split.
        steady: whether regressions on values may be trusted.
    """
    steps, channels = train.x.shape[1:]
    horizon = candidates.kernels.shape[2]
    kernel, levels = np.zeros((steps * channels, horizon)), np.zeros((channels, horizon))
    bias = np.zeros(horizon)
    mean = train.x[:, -1].mean(axis=0) if len(train) else np.zeros(channels)
    if not folds:
        return Start(kernel, levels, bias, mean, float("inf"), True)
    rows = [*(fitted for fitted, _ in folds), train]
    judged = [scored for _, scored in folds]
    repeats = _repeats(train.y)
    views = [
        [WindowRidge(each, candidates, relative, None, repeats) for each in rows]
        for relative in (True, False)
    ]
    for relative in (True, False) if profiles else ():
        known = zip(rows, profiles or (), strict=True)
        views.append(
            [WindowRidge(each, candidates, relative, profile, repeats) for each, profile in known]
        )
    errors = np.stack([_errors(ridges[:-1], judged) for ridges in views])
    # Regressions on values, and constants, are not to be trusted beyond the levels that they were
    # fitted to.
    for changes, values in zip(errors[::2], errors[1::2], strict=True):
        values[~(steady & (values < _CLEARLY * changes.min()))] = np.inf
    if not (steady or repeats):
        errors[..., -1] = np.inf
    weights = (errors.min() / errors) ** _POWER
    weights /= weights.sum()
    offsets: np.ndarray | float = 0.0
    for ridges, each in zip(views, weights, strict=True):
        weight, intercept = ridges[-1].weighted(each)
        kernel += weight
        bias += intercept
        # z @ weight = (z - last) @ weight + last @ level, where features are no changes.
        level = weight.reshape(steps, channels, horizon).sum(axis=0)
        if ridges[-1].relative:
            level[~np.isin(np.arange(channels), candidates.context)] = 0
        levels += level
        bias += mean @ level
        offsets = offsets + ridges[-1].seasonal(each, weight)
    structure = np.einsum("rpk,kwh->wh", weights, candidates.kernels)
    kernel.reshape(steps, channels, horizon)[:, candidates.channel] += structure
    # Classic forecasts move with the level, but for that of a constant.
    fixed = structure.sum(axis=0) - 1
    levels[candidates.channel] += fixed
    bias += mean[candidates.channel] * fixed
    error = _combination_error(views, judged, weights) / (float(np.std(train.y)) or 1.0)
    drifts = bool(errors[::2].min() <= errors[1::2].min())
    term = SeasonTerm(profiles[-1], np.asarray(offsets)) if profiles else None
    return Start(kernel, levels, bias, mean, error, drifts, (term,), repeats)


def _repeats(values: np.ndarray) -> bool:
    """Return whether one value is a large share of all, as zeros are of intermittent demand."""
    counts = np.unique(values, return_counts=True)[1]
    return bool(counts.max(initial=0) >= _REPEATED * max(1, values.size))


def _steady(train: WindowRows, valid: WindowRows, channel: int) -> bool:
    """Return whether later windows keep to the levels of earlier ones."""
    levels = [rows.x[..., channel].mean(axis=1) for rows in (train, valid) if len(rows)]
    if not len(valid):
        levels = np.array_split(levels[0], 2)
    outside = (levels[1] < levels[0].min()) | (levels[1] > levels[0].max())
    return bool(outside.mean() <= _MOST_OUTSIDE)


def _errors(ridges: list[WindowRidge], judged: list[WindowRows]) -> np.ndarray:
    """Return the mean absolute error of each candidate, (penalties + 1, kernels), over 0."""
    sums = np.zeros((len(PENALTIES) + 1, len(ridges[0].candidates.kernels)))
    for ridge, scored in zip(ridges, judged, strict=True):
        for number, forecast in enumerate(ridge.forecasts(scored.x)):
            errors = np.abs(ridge.restored(forecast) - scored.y)
            sums[number] += errors.mean(axis=2).sum(axis=1)
    mean = sums / sum(map(len, judged))
    return np.maximum(mean, 1e-9 * (float(mean.max()) or 1.0))


def _combination_error(
    ridges: list[list[WindowRidge]], judged: list[WindowRows], weights: np.ndarray
) -> float:
    """Return the mean absolute error of the weighted combination.

    Args:
        ridges: regressions of each view and fold.
        judged: the windows that each fold is scored on.
        weights: (views, penalties + 1, kernels).
    """
    total = 0.0
    for number, scored in enumerate(judged):
        forecast = np.zeros(scored.y.shape)
        for fits, each in zip(ridges, weights, strict=True):
            for weight, candidates in zip(each, fits[number].forecasts(scored.x), strict=True):
                forecast += np.einsum("k,knh->nh", weight, candidates)
        restored = ridges[0][number].restored(forecast)
        total += float(np.abs(restored - scored.y).mean(axis=1).sum())
    return total / sum(map(len, judged))
