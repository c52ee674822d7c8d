"""The ten nearest training samples in standardized features."""

from __future__ import annotations

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample", "numbers per sample")
LEARNS = True
FAST = False
NEIGHBORS = 10
ROWS = 5000
"""Training samples that are searched, at most."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the neighbors' shares or mean, nearer ones counting more.

    None where the training samples are all of one class. Cover and Hart, Nearest neighbor pattern
    classification, 1967.
    """
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    model = KNeighborsClassifier if data.samples.target.is_class else KNeighborsRegressor
    count = max(1, min(NEIGHBORS, len(data.train)))
    return fit_samples(data, seed, ROWS, lambda: Estimator(model(count, weights="distance")))
