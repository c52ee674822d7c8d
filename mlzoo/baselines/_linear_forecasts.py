"""Ridge regression of future steps on all values of a window."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part
from mlzoo.statistics.forecast_scale import last_values

_MOST_ROWS = 20_000
_MOST_INPUTS = 1024


def fit(data: Data, seed: int) -> Baseline:
    """Return ridge regression of what changes from the last value."""
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

    def predict(rows: Part) -> np.ndarray:
        change = model.predict(_flat(rows, steps)).reshape(len(rows), *targets.shape[1:])
        last = last_values(data, rows)
        return change if last is None else change + last[:, None]

    return Baseline(predict, "; ".join(notes))


def _flat(rows: Part, steps: int) -> np.ndarray:
    """Flatten the last steps of each window, or a vector; missing values become 0."""
    inputs = np.asarray(rows.inputs(), dtype="float64")
    inputs = inputs[:, -steps:] if inputs.ndim > 2 else inputs
    return np.nan_to_num(inputs.reshape(len(inputs), -1))
