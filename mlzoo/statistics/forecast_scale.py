"""Reference values of forecast metrics: the last known value, and the scale of MASE."""

from __future__ import annotations

import numpy as np

from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.sequences import Sequences


def last_values(data: Data, rows: Part) -> np.ndarray | None:
    """Return the last known value of each target, (n, targets).

    None where the targets are not among the inputs.
    """
    channels = data.outputs.channels
    if not channels:
        return None
    inputs = data.samples.inputs
    if isinstance(inputs, Sequences):
        ends = inputs.starts[rows.indices] + inputs.lengths[rows.indices] - 1
        return inputs.values[ends][:, channels]
    return np.asarray(rows.inputs()[:, -1, channels])


def training_scale(data: Data) -> np.ndarray:
    """Return the MAE of the seasonal naive forecast on the training split, (targets,).

    MASE divides by it (Hyndman and Koehler, "Another look at measures of forecast accuracy",
    International Journal of Forecasting 22, 2006): |y_t - y_(t-m)| with m the season, 1 without.
    For arrays without a time axis it is the MAE of repeating the last value, or of predicting the
    mean where no last value is known. NaN where it is 0.
    """
    samples, train = data.samples, data.train
    windows, targets = samples.windows, samples.targets
    if windows is None or not isinstance(targets, Sequences):
        last = last_values(data, train)
        truth = train.targets
        step = truth - (truth.mean(axis=(0, 1)) if last is None else last[:, None])
        scale = np.nanmean(np.abs(step), axis=(0, 1))
        return np.where(scale > 0, scale, np.nan)
    # Values across a gap in time, or of different series, are not neighbors in time.
    first_target = targets.starts[train.indices]
    begins = first_target - windows.history[train.indices]
    gaps, count = np.zeros(targets.shape[2]), np.zeros(targets.shape[2])
    for begin in np.unique(begins):
        in_segment = begins == begin
        window = int(samples.inputs.shape[1])
        low = int(first_target[in_segment].min()) - window
        high = int(first_target[in_segment].max()) + targets.longest
        values = targets.values[low:high].astype("float64")
        if len(values) > windows.season:
            change = np.abs(values[windows.season :] - values[: -windows.season])
            gaps += np.nansum(change, axis=0)
            count += np.isfinite(change).sum(axis=0)
    scale = gaps / np.maximum(count, 1)
    return np.where(scale > 0, scale, np.nan)
