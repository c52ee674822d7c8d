"""A linear forecast of a window, combined of classic ones and ridge regressions by validation.

Each candidate is a classic forecast (`window_kernels`) with a ridge regression of what it leaves;
a strong penalty leaves the classic forecast as it is. Candidates are judged on origins that roll
through the training split and on the validation split, and averaged with weights that fall with
their error: an average is seldom much worse than the best (Timmermann, "Forecast Combinations",
2006), while the best of many on few windows is often one that was lucky. All are linear in the
window, and so is their average.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.layers.window_kernels import structural

_PENALTIES = (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
"""Ridge penalties, in mean squares of the features."""
_POWERS, _PER_POWER = (16, 64), 10
"""Weights of candidates fall with a power of their error that grows with the windows judged."""
_CLEARLY, _MOST_OUTSIDE = 0.99, 0.2
_ROLLS = 2
_MOST_ROWS, _MOST_SCORED, _MOST_FEATURES = 4000, 500, 512
_MOST_NUMBERS = 4_000_000
"""Numbers that the forecasts of all kernels for the windows of a fit have, at most."""
_FEWEST = 3
"""Windows that a regression is fitted on, at least."""


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
    """

    kernel: np.ndarray
    level: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    error: float
    drifts: bool


@dataclass(frozen=True)
class _Rows:
    """Windows: `x` (n, window, channels), `y` (n, horizon), their first and last time."""

    x: np.ndarray
    y: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def at(self, where: np.ndarray) -> _Rows:
        return _Rows(self.x[where], self.y[where], self.begins[where], self.ends[where])

    def __len__(self) -> int:
        return len(self.begins)


def linear_start(data: Data, log: bool = False) -> Start:
    """Return the combined linear forecast of the targets, which are among the inputs.

    Args:
        data: windows in three splits; the test split is not read.
        log: of the logarithms of the targets, which are all positive.
    """
    horizon, channels = data.outputs.horizon, data.outputs.channels
    season = 1 if data.samples.windows is None else data.samples.windows.season
    kernels = structural(int(data.samples.inputs.shape[1]), horizon, season)
    most = int(np.clip(_MOST_NUMBERS // (len(kernels) * horizon), 100, _MOST_ROWS))
    fits = []
    for target, channel in enumerate(channels):
        train = _rows(data, data.train, target, log, most)
        valid = _rows(data, data.valid, target, log, min(most, _MOST_SCORED))
        fits.append(_combined(train, valid, kernels, channel, log))
    return Start(
        kernel=np.stack([fit.kernel for fit in fits]),
        level=np.stack([fit.level for fit in fits]),
        bias=np.stack([fit.bias for fit in fits]),
        mean=fits[0].mean,
        error=float(np.mean([fit.error for fit in fits])),
        drifts=bool(np.mean([fit.drifts for fit in fits]) >= 0.5),
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


def in_logarithms(values: np.ndarray) -> np.ndarray:
    """Return logarithms; of what is not positive that of the smallest float."""
    return np.asarray(np.log(np.maximum(values, np.finfo("float32").tiny)))


def _rows(data: Data, part: Part, target: int, log: bool, most: int) -> _Rows:
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
    return _Rows(x, y[order], begins[order], ends[order])


def _folds(train: _Rows, valid: _Rows) -> Iterator[tuple[_Rows, _Rows]]:
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


def _combined(train: _Rows, valid: _Rows, kernels: np.ndarray, channel: int, log: bool) -> Start:
    """Return the combination for one target; without windows to judge by, its last value."""
    steps, channels = train.x.shape[1:]
    horizon = kernels.shape[2]
    kernel, levels = np.zeros((steps * channels, horizon)), np.zeros((channels, horizon))
    bias = np.zeros(horizon)
    mean = train.x[:, -1].mean(axis=0) if len(train) else np.zeros(channels)
    folds = list(_folds(train, valid))
    if not folds:
        return Start(kernel, levels, bias, mean, float("inf"), True)
    ridges = [
        [_Ridge(fitted, kernels, channel, relative, log) for fitted, _ in folds]
        for relative in (True, False)
    ]
    judged = [scored for _, scored in folds]
    errors = np.stack([_errors(each, judged) for each in ridges])
    # Regressions on values are not to be trusted beyond the levels that they were fitted to.
    steady = _steady(train, valid, channel)
    errors[1] = np.where(steady and errors[1] < _CLEARLY * errors[0].min(), errors[1], np.inf)
    weights = (errors.min() / errors) ** np.clip(sum(map(len, judged)) / _PER_POWER, *_POWERS)
    weights /= weights.sum()
    for relative, each in zip((True, False), weights, strict=True):
        weight, intercept = _Ridge(train, kernels, channel, relative, log).weighted(each)
        kernel += weight
        bias += intercept
        if not relative:  # z @ weight = (z - last) @ weight + last @ level
            level = weight.reshape(steps, channels, horizon).sum(axis=0)
            levels += level
            bias += mean @ level
    structure = np.einsum("rpk,kwh->wh", weights, kernels)
    kernel.reshape(steps, channels, horizon)[:, channel] += structure
    error = _combination_error(ridges, judged, weights) / (float(np.std(train.y)) or 1.0)
    return Start(kernel, levels, bias, mean, error, bool(errors[0].min() <= errors[1].min()))


def _steady(train: _Rows, valid: _Rows, channel: int) -> bool:
    """Return whether later windows keep to the levels of earlier ones."""
    levels = [rows.x[..., channel].mean(axis=1) for rows in (train, valid)]
    if not len(valid):
        levels = np.array_split(levels[0], 2)
    outside = (levels[1] < levels[0].min()) | (levels[1] > levels[0].max())
    return bool(outside.mean() <= _MOST_OUTSIDE)


class _Ridge:
    """Ridge regressions of what every kernel leaves, for all penalties at once.

    Args:
        rows: windows to fit on.
        kernels: (kernels, window, horizon).
        channel: of the target.
        relative: whether the features are changes from the last step, not values.
        log: whether the targets' channels are logarithms.
    """

    def __init__(
        self, rows: _Rows, kernels: np.ndarray, channel: int, relative: bool, log: bool
    ) -> None:
        self.kernels, self.channel, self.relative, self.log = kernels, channel, relative, log
        # A forecast far beyond all that was seen is an error of the extrapolation.
        self.most = 20 * float(rows.y.max())
        features = self._features(rows.x)
        self.shift = features.mean(axis=0)
        left, self.sizes, self.right = np.linalg.svd(features - self.shift, full_matrices=False)
        self.scale = float((self.sizes**2).sum()) / max(1, features.shape[1])
        rest = (in_logarithms(rows.y) if log else rows.y) - self._structural(rows.x)
        self.intercept = rest.mean(axis=1)
        self.projected = left.T @ (rest - self.intercept[:, None])

    def _features(self, x: np.ndarray) -> np.ndarray:
        """Return (n, features); of long windows the last steps alone are not 0."""
        features = x - x[:, -1:] if self.relative else x.copy()
        features[:, : max(0, x.shape[1] - max(1, _MOST_FEATURES // x.shape[2]))] = 0
        return features.reshape(len(x), -1)

    def _structural(self, x: np.ndarray) -> np.ndarray:
        """Return the kernels' own forecasts (kernels, n, horizon)."""
        return np.asarray(x[..., self.channel] @ self.kernels)

    def _shrunk(self, penalty: float) -> np.ndarray:
        """Return the factors (rank,) from projected targets to weights of singular vectors."""
        below = self.sizes**2 + penalty * self.scale
        return np.divide(self.sizes, below, out=np.zeros_like(below), where=below > 0)

    def forecasts(self, x: np.ndarray) -> Iterator[np.ndarray]:
        """Yield (kernels, n, horizon) for each penalty, and without a regression, transformed."""
        base = self._structural(x)
        scores = (self._features(x) - self.shift) @ self.right.T
        for penalty in _PENALTIES:
            change = (scores * self._shrunk(penalty)) @ self.projected
            yield base + self.intercept[:, None] + change
        yield base

    def restored(self, forecasts: np.ndarray) -> np.ndarray:
        """Return forecasts in the values' own units."""
        if not self.log:
            return forecasts
        return np.asarray(np.exp(np.minimum(forecasts, np.log(self.most))))

    def weighted(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel (features, horizon) and bias (horizon,) of the weighted regressions.

        Args:
            weights: (penalties + 1, kernels), as `forecasts` yields them.
        """
        shrunk = np.stack([self._shrunk(penalty) for penalty in _PENALTIES])
        factors = weights[:-1].T @ shrunk
        kernel = self.right.T @ np.einsum("kr,krh->rh", factors, self.projected)
        return kernel, weights[:-1].sum(axis=0) @ self.intercept - self.shift @ kernel


def _errors(ridges: list[_Ridge], judged: list[_Rows]) -> np.ndarray:
    """Return the mean absolute error of each candidate, (penalties + 1, kernels), over 0."""
    sums = np.zeros((len(_PENALTIES) + 1, len(ridges[0].kernels)))
    for ridge, scored in zip(ridges, judged, strict=True):
        for number, forecast in enumerate(ridge.forecasts(scored.x)):
            errors = np.abs(ridge.restored(forecast) - scored.y)
            sums[number] += errors.mean(axis=2).sum(axis=1)
    mean = sums / sum(map(len, judged))
    return np.maximum(mean, 1e-9 * (float(mean.max()) or 1.0))


def _combination_error(
    ridges: list[list[_Ridge]], judged: list[_Rows], weights: np.ndarray
) -> float:
    """Return the mean absolute error of the weighted combination.

    Args:
        ridges: regressions of each fold, on changes and on values.
        judged: the windows that each fold is scored on.
        weights: (2, penalties + 1, kernels).
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
