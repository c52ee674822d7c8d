"""A Gaussian on 32 principal components of the scaled training samples, drawn from.

Probabilistic PCA (Tipping and Bishop, 1999) without its noise: the simplest generative model.
"""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import training_rows
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("inputs per draw",)
LEARNS = True
FAST = True
COMPONENTS = 32
ROWS = 20_000


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the sampler; None with fewer than two training samples."""
    from sklearn.decomposition import PCA

    if len(data.train) < 2:
        return None
    matrix, fewer = training_rows(data, seed, ROWS)
    count = min(COMPONENTS, *matrix.shape)
    pca = PCA(count, random_state=seed).fit(matrix)
    spread = np.sqrt(pca.explained_variance_)

    def draw(positions: np.ndarray) -> np.ndarray:
        codes = np.random.default_rng(seed).normal(size=(len(positions), count)) * spread
        rows = pca.inverse_transform(codes)
        return np.asarray(np.clip(rows, 0, 1) if data.outputs.bounded else rows)

    note = f"{count} component{'s' if count > 1 else ''}"
    return Baseline(draw, "; ".join(filter(None, (note, fewer))))
