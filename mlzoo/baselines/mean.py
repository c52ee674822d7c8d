"""The mean of the training split, everywhere."""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import training_rows
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = (
    "numbers per sample",
    "numbers per pixel",
    "numbers per horizon",
    "inputs per sample",
    "inputs per score",
)
LEARNS = False
FAST = True
ROWS = 20_000
"""Training samples whose mean is taken, at most, where they are their own targets."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the mean of each target; for forecasts only where the targets are no inputs."""
    if data.samples.target.ahead:
        if data.outputs.channels or not data.outputs.mean:
            return None
        ahead = np.tile(data.outputs.mean, (data.outputs.horizon, 1))
        return Baseline(lambda rows: np.tile(ahead, (len(rows), 1, 1)))
    if not len(data.train):
        return None
    if data.samples.target.dense:
        row = np.asarray(data.outputs.mean, "float32")
        return Baseline(lambda image: np.broadcast_to(row, (*image.shape[:2], len(row))))
    if data.samples.target.is_input:
        matrix, fewer = training_rows(data, seed, ROWS)
        center = matrix.mean(axis=0)
        return Baseline(lambda inputs: np.tile(center, (len(inputs), 1)), fewer)
    mean = data.train.targets.reshape(len(data.train), -1).mean(axis=0)
    return Baseline(lambda inputs: np.tile(mean, (len(inputs), 1)))
