"""Principal components of the scaled training samples, as many as the model's code has numbers.

The best linear autoencoder (Baldi and Hornik, "Neural networks and principal component analysis",
1989). Where the size of the code is not known there are 8 components.
"""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import principal_components, scaled_rows
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("inputs per sample", "inputs per score")
LEARNS = True
FAST = True
COMPONENTS = 8


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the projection on the components; None with fewer than two training samples."""
    if len(data.train) < 2:
        return None
    pca, note = principal_components(data, seed, data.outputs.code or COMPONENTS)
    rows = scaled_rows(data)

    def predict(inputs: np.ndarray) -> np.ndarray:
        return np.asarray(pca.inverse_transform(pca.transform(rows(inputs))))

    return Baseline(predict, note)
