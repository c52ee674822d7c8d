"""Baselines that restore samples from fewer numbers: the scaled training samples as rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mlzoo.baselines._samples import subsample
from mlzoo.data.samples import Data

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

VALUES = 50_000_000
"""Maximum number of values that a baseline is fitted on."""
_ROWS = 20_000
"""Maximum number of samples that components are fitted on."""


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


def principal_components(data: Data, seed: int, most: int) -> tuple[PCA, str]:
    """Return components of the scaled training samples, and a note on what bounds them.

    Args:
        data: with at least two training samples.
        seed: of the draw of training samples.
        most: number of components, at most.
    """
    from sklearn.decomposition import PCA

    matrix, fewer = training_rows(data, seed, _ROWS)
    count = min(most, *matrix.shape)
    note = f"{count} component{'s' if count > 1 else ''}"
    pca = PCA(count, random_state=seed).fit(matrix)
    return pca, "; ".join(filter(None, (note, fewer)))
