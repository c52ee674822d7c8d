"""The nearest training sample in place of each sample, where anomalous ones are to be found.

What is far from all that is normal is anomalous (Ramaswamy, Rastogi and Shim, "Efficient
algorithms for mining outliers from large data sets", 2000).
"""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import scaled_rows, training_rows
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("inputs per sample", "inputs per score")
LEARNS = True
FAST = True
ROWS = 10_000
"""Training samples that are searched, at most."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the nearest scaled training sample by the squared error.

    None where it is not known which samples are anomalous: a whole sample is no code of few
    numbers, with which a reconstruction could be compared.
    """
    from sklearn.neighbors import NearestNeighbors

    if not len(data.train) or data.samples.anomalous is None:
        return None
    matrix, fewer = training_rows(data, seed, ROWS)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(matrix)
    rows = scaled_rows(data)

    def predict(inputs: np.ndarray) -> np.ndarray:
        return matrix[search.kneighbors(rows(inputs), return_distance=False)[:, 0]]

    return Baseline(predict, fewer)
