"""A random forest of 100 trees."""

from __future__ import annotations

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample", "numbers per sample")
LEARNS = True
FAST = True
TREES = 100
ROWS = 10_000
"""Training samples that it is fitted on, at most."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the forest; None where the training samples are all of one class.

    Breiman, Random forests, 2001.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier if data.samples.target.is_class else RandomForestRegressor
    return fit_samples(data, seed, ROWS, lambda: Estimator(forest(TREES, random_state=seed)))
