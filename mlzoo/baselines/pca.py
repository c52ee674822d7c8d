"""Principal components of the scaled training samples, as many as the model's code has numbers.

The best linear autoencoder (Baldi and Hornik, "Neural networks and principal component analysis",
1989). Where the size of the code is not known there are 8 components.
"""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import scaled_rows, training_rows
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("inputs per sample",)
LEARNS = True
FAST = True
COMPONENTS = 8
ROWS = 20_000


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the projection on the components; None with fewer than two training samples."""
    from sklearn.decomposition import PCA

    if len(data.train) < 2:
        return None
    matrix, fewer = training_rows(data, seed, ROWS)
    count = min(data.outputs.code or COMPONENTS, *matrix.shape)
    pca = PCA(count, random_state=seed).fit(matrix)
    rows = scaled_rows(data)

    def predict(inputs: np.ndarray) -> np.ndarray:
        return np.asarray(pca.inverse_transform(pca.transform(rows(inputs))))

    note = f"{count} component{'s' if count > 1 else ''}"
    return Baseline(predict, "; ".join(filter(None, (note, fewer))))
