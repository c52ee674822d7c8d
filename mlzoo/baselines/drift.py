"""A line through the first and the last value of the window.

Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 2021, section 5.2.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part
from mlzoo.statistics.forecast_scale import last_values

TARGETS = ("numbers per horizon",)
LEARNS = False
FAST = False


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the line; None where the targets are no inputs, or a window has one step."""
    channels = data.outputs.channels
    shape = data.samples.inputs.shape
    if not channels or len(shape) < 3 or shape[1] < 2:
        return None
    ahead = np.arange(1, data.outputs.horizon + 1)

    def predict(rows: Part) -> np.ndarray:
        last = last_values(data, rows)
        assert last is not None
        windows = np.asarray(rows.inputs(), "float64")[:, :, list(channels)]
        known = ~np.isnan(windows).all(axis=2)
        first = windows[np.arange(len(windows)), known.argmax(axis=1)]
        steps = np.maximum(known.sum(axis=1) - 1, 1)[:, None]
        slope = np.nan_to_num((last - first) / steps)
        return last[:, None] + slope[:, None] * ahead[:, None]

    return Baseline(predict)
