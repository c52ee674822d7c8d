"""Forecasts that any model must beat: the last value, the last season, and a linear one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.sequences import Sequences

_MOST_ROWS = 20_000
_MOST_INPUTS = 1024


def naive_forecasts(data: Data, rows: Part) -> Mapping[str, tuple[np.ndarray, str]]:
    """Forecasts (n, horizon, targets) of each baseline for a part's windows, and a note on each.

    `persistence` repeats the last value known. `seasonal` repeats the values of the last season
    that is known (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition,
    2021, section 5.2), also from before the window, but not from before a break in time.
    `linear` is a ridge regression of what changes from the last value on all values of the
    window, fitted on the training part. Where the targets are no inputs there is no last value:
    then `mean` is that of the training part.
    What is fitted is left out where there is no training part.
    """
    found: dict[str, tuple[np.ndarray, str]] = {}
    last = last_values(data, rows)
    horizon = data.outputs.horizon
    if last is None:
        if data.outputs.mean:
            found["mean"] = np.tile(data.outputs.mean, (len(rows), horizon, 1)), ""
    else:
        found["persistence"] = np.repeat(last[:, None], horizon, axis=1), ""
        windows = data.samples.windows
        if windows is not None and windows.season > 1:
            found["seasonal"] = _seasonal(data, rows, last)
    if len(data.train):
        found["linear"] = _linear(data, rows, last)
    return found


def last_values(data: Data, rows: Part) -> np.ndarray | None:
    """The last known value of each target, (n, targets); None where they are no inputs."""
    channels = data.outputs.channels
    if not channels:
        return None
    inputs = data.samples.inputs
    if isinstance(inputs, Sequences):
        ends = inputs.starts[rows.indices] + inputs.lengths[rows.indices] - 1
        return inputs.values[ends][:, channels]
    return np.asarray(rows.inputs()[:, -1, channels])


def training_scale(data: Data) -> np.ndarray:
    """Mean absolute error of the seasonal naive forecast over the training part, (targets,).

    What MASE divides by (Hyndman and Koehler, "Another look at measures of forecast accuracy",
    International Journal of Forecasting 22, 2006): |y_t - y_(t-m)| with m the season, 1 without.
    For arrays without a time axis it is that of repeating the last value, and that of the mean
    where no last value is known. NaN where it is 0.
    """
    samples, train = data.samples, data.train
    windows, targets = samples.windows, samples.targets
    if windows is None or not isinstance(targets, Sequences):
        last = last_values(data, train)
        truth = train.targets
        step = truth - (truth.mean(axis=(0, 1)) if last is None else last[:, None])
        scale = np.nanmean(np.abs(step), axis=(0, 1))
        return np.where(scale > 0, scale, np.nan)
    # What lies before and after a break in time is not compared, nor are two series.
    first_target = targets.starts[train.indices]
    begins = first_target - windows.history[train.indices]
    gaps, count = np.zeros(targets.shape[2]), np.zeros(targets.shape[2])
    for begin in np.unique(begins):
        own = begins == begin
        window = int(samples.inputs.shape[1])
        low = int(first_target[own].min()) - window
        high = int(first_target[own].max()) + targets.longest
        values = targets.values[low:high].astype("float64")
        if len(values) > windows.season:
            change = np.abs(values[windows.season :] - values[: -windows.season])
            gaps += np.nansum(change, axis=0)
            count += np.isfinite(change).sum(axis=0)
    scale = gaps / np.maximum(count, 1)
    return np.where(scale > 0, scale, np.nan)


def _seasonal(data: Data, rows: Part, last: np.ndarray) -> tuple[np.ndarray, str]:
    windows, targets = data.samples.windows, data.samples.targets
    assert windows is not None and isinstance(targets, Sequences)
    season, horizon = windows.season, data.outputs.horizon
    ahead = np.arange(1, horizon + 1)
    back = season * np.ceil(ahead / season).astype(int) - ahead + 1
    where = targets.starts[rows.indices][:, None] - back
    known = windows.history[rows.indices] >= season
    said = targets.values[np.maximum(where, 0)].astype("float64")
    said[~known] = last[~known, None]
    lacking = int((~known).sum())
    note = f"season of {season} steps"
    note += f"; the last value for {lacking} windows before one" if lacking else ""
    missing = np.isnan(said)
    note += f"; the last value for {missing.sum()} that are missing" if missing.any() else ""
    return np.where(missing, last[:, None], said), note


def _linear(data: Data, rows: Part, last: np.ndarray | None) -> tuple[np.ndarray, str]:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    train = data.train
    notes = []
    if len(train) > _MOST_ROWS:
        chosen = np.linspace(0, len(train) - 1, _MOST_ROWS).astype(int)
        train = Part(train.samples, train.indices[chosen])
        notes.append(f"fitted on {_MOST_ROWS:,} of {len(data.train):,} training windows")
    steps = max(1, _MOST_INPUTS // data.samples.inputs.shape[-1])
    if len(data.samples.inputs.shape) > 2 and data.samples.inputs.shape[1] > steps:
        notes.append(f"the last {steps} steps of each window")
    base = last_values(data, train)
    targets = train.targets.astype("float64")
    change = targets if base is None else targets - base[:, None]
    model: Any = make_pipeline(StandardScaler(), Ridge(solver="cholesky"))
    flat = change.reshape(len(change), -1)
    whole = np.isfinite(flat).all(axis=1)
    if not whole.any():
        whole[:] = True
    model.fit(_flat(train, steps)[whole], np.nan_to_num(flat[whole], nan=0.0))
    said = model.predict(_flat(rows, steps)).reshape(len(rows), *change.shape[1:])
    return said if last is None else said + last[:, None], "; ".join(notes)


def _flat(rows: Part, steps: int) -> np.ndarray:
    """The last steps of each window, or a vector, flattened; what is not there is 0."""
    inputs = np.asarray(rows.inputs(), dtype="float64")
    inputs = inputs[:, -steps:] if inputs.ndim > 2 else inputs
    return np.nan_to_num(inputs.reshape(len(inputs), -1))
