"""Baselines that restore samples from fewer numbers: the scaled training samples as rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlzoo.baselines._samples import subsample
from mlzoo.data.samples import Data

VALUES = 50_000_000
"""Maximum number of values that a baseline is fitted on."""


def scaled_rows(data: Data) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from raw inputs (n, *shape) to scaled ones as rows (n, values)."""
    from mlzoo.layers.input_scaling import scaled

    return lambda inputs: scaled(data.outputs.scaling, inputs).reshape(len(inputs), -1)


def training_rows(data: Data, seed: int, most: int) -> tuple[np.ndarray, str]:
    """Return scaled training samples as rows (n, values), and a note if they are not all.

    Args:
        data: samples in three splits.
        seed: of the draw of samples.
        most: maximum number of samples.
    """
    rows = scaled_rows(data)
    values = rows(data.train.inputs(slice(0, 1))).shape[1]
    part = subsample(data, seed, max(100, min(most, VALUES // values)))
    matrix = np.concatenate([rows(part.inputs(positions)) for positions in part.chunks()])
    fewer = f"fitted on {len(part):,} of {len(data.train):,} training samples"
    return matrix, fewer if len(part) < len(data.train) else ""
