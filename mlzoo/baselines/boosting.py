"""Gradient boosting on histograms."""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample", "numbers per sample", "classes per pixel")
LEARNS = True
FAST = True
ROWS = 20_000
"""Training samples that it is fitted on, at most."""
TREES = 300
"""Trees of all classes together, about: each iteration grows one a class."""
ITERATIONS = (20, 100)
"""The fewest and the most iterations."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the boosted trees; None where the training samples are all of one class.

    Ke et al., LightGBM: a highly efficient gradient boosting decision tree, 2017.
    """
    if not len(data.train):
        return None
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.multioutput import MultiOutputRegressor

    outputs = len(data.samples.class_names) or int(np.prod(data.samples.targets.shape[1:]))
    settings: dict[str, object] = {
        "max_iter": int(np.clip(TREES // max(1, outputs), *ITERATIONS)),
        "early_stopping": False,
        "random_state": seed,
    }

    if data.samples.target.dense:
        from mlzoo.baselines._pixel_features import fit_pixels

        fitted = fit_pixels(
            map(data.train.image, range(len(data.train))),
            map(data.train.target, range(len(data.train))),
            outputs,
            data.samples.maximum or 1.0,
            seed,
            make=lambda weights: HistGradientBoostingClassifier(class_weight=weights, **settings),
            depth=data.samples.reader.depth or 1,
        )
        return Baseline(fitted.predict, fitted.note)

    def make() -> Estimator:
        if data.samples.target.is_class:
            return Estimator(HistGradientBoostingClassifier(**settings), missing=True)
        if data.samples.target.is_label_set:
            each = HistGradientBoostingClassifier(**settings)
            return Estimator(OneVsRestClassifier(each), missing=True)
        model = HistGradientBoostingRegressor(**settings)
        return Estimator(MultiOutputRegressor(model) if outputs > 1 else model, missing=True)

    return fit_samples(data, seed, ROWS, make)
