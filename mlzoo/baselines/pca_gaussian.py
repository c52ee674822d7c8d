"""A Gaussian on 32 principal components of the scaled training samples, drawn from.

Probabilistic PCA (Tipping and Bishop, 1999) without its noise: the simplest generative model.
"""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import principal_components
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("inputs per draw",)
LEARNS = True
FAST = True
COMPONENTS = 32


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the sampler; None with fewer than two training samples."""
    if len(data.train) < 2:
        return None
    pca, note = principal_components(data, seed, COMPONENTS)
    spread = np.sqrt(pca.explained_variance_)

    def draw(positions: np.ndarray) -> np.ndarray:
        codes = np.random.default_rng(seed).normal(size=(len(positions), len(spread))) * spread
        rows = pca.inverse_transform(codes)
        return np.asarray(np.clip(rows, 0, 1) if data.outputs.bounded else rows)

    return Baseline(draw, note)
