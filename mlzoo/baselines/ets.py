"""Exponential smoothing with trend and season, of the form that AICc prefers.

Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 2021, chapter 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlzoo.baselines._smoothing import Smoothing, choose
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.statistics.forecast_scale import last_values

TARGETS = ("numbers per horizon",)
LEARNS = True
FAST = False
_MOST_STEPS, _FEWEST_STEPS = 1000, 8
_MOST_FITS = 20
_LONGEST_SEASON = 24


@dataclass(frozen=True)
class _Stretch:
    """Steps without a break in time, and how many of them are before the end of training."""

    begin: int
    trained: int


def fit(data: Data, seed: int) -> Baseline | None:
    """Return smoothing fitted to each unbroken stretch; None where the targets are no inputs.

    What is forecast from is all that is known before a window's targets, also before the window.
    """
    windows, targets = data.samples.windows, data.samples.targets
    if not data.outputs.channels or windows is None or not isinstance(targets, Sequences):
        return None
    stretches = sorted(_stretches(data), key=lambda each: -each.trained)[:_MOST_FITS]
    if not stretches or stretches[0].trained < _FEWEST_STEPS:
        return None
    season = windows.season if windows.season <= _LONGEST_SEASON else 1
    fitted = {
        each.begin: [
            choose(_filled(targets.values[first : each.begin + each.trained, column]), season)
            for column in range(targets.values.shape[1])
        ]
        for each in stretches
        if each.trained >= _FEWEST_STEPS
        for first in [each.begin + max(0, each.trained - _MOST_STEPS)]
    }
    usual = fitted[stretches[0].begin]
    notes = [_named(each) for each in usual]
    if len(fitted) < len({*_begins(data.train)}):
        notes.append(f"fitted to {len(fitted)} stretches of time; others as the longest")
    return Baseline(lambda rows: _forecasts(data, rows, fitted, usual), "; ".join(notes))


def _named(chosen: Smoothing) -> str:
    form = chosen.form
    season = f"{form.season} season of {form.period} steps" if form.period > 1 else "no season"
    return f"{form.trend.replace('none', 'no')} trend, {season}"


def _begins(rows: Part) -> np.ndarray:
    """Return the first step of the unbroken stretch that each window lies in, (n,)."""
    windows, targets = rows.samples.windows, rows.samples.targets
    assert windows is not None and isinstance(targets, Sequences)
    return np.asarray(targets.starts[rows.indices] - windows.history[rows.indices])


def _stretches(data: Data) -> Iterator[_Stretch]:
    targets = data.samples.targets
    assert isinstance(targets, Sequences)
    begins = _begins(data.train)
    ends = targets.starts[data.train.indices] + targets.longest
    for begin in np.unique(begins):
        yield _Stretch(int(begin), int(ends[begins == begin].max() - begin))


def _filled(values: np.ndarray) -> np.ndarray:
    """Return values (n,) with missing ones on a line between their neighbors."""
    values = values.astype("float64")
    known = np.isfinite(values)
    if known.all():
        return values
    at = np.arange(len(values))
    return np.interp(at, at[known], values[known]) if known.any() else np.zeros(len(values))


def _known_until(values: np.ndarray) -> np.ndarray:
    """Return values (n,) with missing ones as the last one before them, so that none is ahead."""
    values = values.astype("float64")
    known = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return np.nan_to_num(values[np.maximum.accumulate(known)])


def _forecasts(
    data: Data, rows: Part, fitted: dict[int, list[Smoothing]], usual: list[Smoothing]
) -> np.ndarray:
    """Return forecasts (n, horizon, targets).

    Args:
        data: what the baseline was fitted to.
        rows: windows to forecast from.
        fitted: smoothing of each target, by the first step of a stretch.
        usual: that of stretches which none was fitted to.
    """
    targets, last = data.samples.targets, last_values(data, rows)
    assert isinstance(targets, Sequences) and last is not None
    horizon = data.outputs.horizon
    forecasts = np.repeat(last[:, None].astype("float64"), horizon, axis=1)
    begins, starts = _begins(rows), targets.starts[rows.indices]
    for begin in np.unique(begins):
        inside = begins == begin
        known = starts[inside] - begin
        for column, smoothing in enumerate(fitted.get(int(begin), usual)):
            # Early steps of a long series do not matter to what is known at its end.
            first = begin + max(0, int(known.min()) - _MOST_STEPS)
            values = _known_until(targets.values[first : int(starts[inside].max()), column])
            if int(known.min()) >= max(_FEWEST_STEPS, smoothing.form.period):
                at = starts[inside] - first
                forecasts[inside, :, column] = smoothing.forecasts(values, at, horizon)
    return forecasts
