"""The last known value, repeated."""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part
from mlzoo.statistics.forecast_scale import last_values

TARGETS = ("numbers per horizon",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the repeated last value; None where the targets are no inputs."""
    if not data.outputs.channels:
        return None

    def predict(rows: Part) -> np.ndarray:
        last = last_values(data, rows)
        assert last is not None
        return np.repeat(last[:, None], data.outputs.horizon, axis=1)

    return Baseline(predict)
