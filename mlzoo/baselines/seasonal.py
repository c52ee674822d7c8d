"""The values of the last season, repeated.

Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 2021, section 5.2.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.statistics.forecast_scale import last_values

TARGETS = ("numbers per horizon",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the last season, also from before the window, but not from before a break in time.

    None where the targets are no inputs, or there is no season.
    """
    windows = data.samples.windows
    if not data.outputs.channels or windows is None or windows.season <= 1:
        return None
    return Baseline(lambda rows: _repeat(data, rows)[0], lambda rows: _repeat(data, rows)[1])


def _repeat(data: Data, rows: Part) -> tuple[np.ndarray, str]:
    """Return the forecasts, and a note on fallbacks."""
    windows, targets, last = data.samples.windows, data.samples.targets, last_values(data, rows)
    assert windows is not None and isinstance(targets, Sequences) and last is not None
    season, horizon = windows.season, data.outputs.horizon
    ahead = np.arange(1, horizon + 1)
    back = season * np.ceil(ahead / season).astype(int) - ahead + 1
    positions = targets.starts[rows.indices][:, None] - back
    known = windows.history[rows.indices] >= season
    forecasts = targets.values[np.maximum(positions, 0)].astype("float64")
    forecasts[~known] = last[~known, None]
    lacking = int((~known).sum())
    note = f"season of {season} steps"
    note += f"; the last value for {lacking} windows before one" if lacking else ""
    missing = np.isnan(forecasts)
    note += f"; the last value for {missing.sum()} that are missing" if missing.any() else ""
    return np.where(missing, last[:, None], forecasts), note
