"""Logistic or ridge regression of samples, bounded in cost.

Images are averaged to 16x16 gray at most and training samples are subsampled; a note says where
that was done, because a baseline on less data is a weaker one.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from mlzoo.baselines._features import Features, featurise
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part, Samples

ROWS = 5000
"""Training samples that the linear model is fitted on, at most."""
LAZY_ROWS = 2000
"""The same where every sample is read from a file."""
CELLS = 5_000_000
"""Table cells that the linear model is fitted on, at most."""
ITERATIONS = 100
INVERSE_PENALTY = {"image": 0.1}
"""scikit-learn's `C`; pixels need more L2 penalty than its default of 1."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the linear model; None where the training samples are all of one class."""
    rows = _subsample(data, seed)
    features, shrunk = featurise(data, rows)
    matrix = np.concatenate([features(rows.inputs(s)) for s in rows.chunks()])
    if data.samples.target.is_class:
        predict, stopped = _logistic(matrix, rows.targets, data.samples)
    else:
        predict, stopped = _ridge(matrix, rows.targets), ""
    fewer = f"fitted on {len(rows):,} of {len(data.train):,} training samples"
    notes = [shrunk, fewer if len(rows) < len(data.train) else "", stopped]
    note = "; ".join(filter(None, notes))
    return None if predict is None else Baseline(lambda x: predict(features(x)), note)


def _subsample(data: Data, seed: int) -> Part:
    inputs = data.samples.inputs
    most = ROWS if isinstance(inputs, np.ndarray) else LAZY_ROWS
    if data.samples.columns:
        most = max(100, min(most, CELLS // len(data.samples.columns)))
    if len(data.train) <= most:
        return data.train
    drawn = np.random.default_rng([seed, 0xBA5E]).choice(len(data.train), most, replace=False)
    return Part(data.samples, data.train.indices[np.sort(drawn)])


def _logistic(
    matrix: np.ndarray, targets: np.ndarray, samples: Samples
) -> tuple[Features | None, str]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(targets)) < 2:
        return None, ""
    penalty = INVERSE_PENALTY.get(samples.kind, 1.0)
    model = _standardised(LogisticRegression(C=penalty, max_iter=ITERATIONS, tol=1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, targets)
    steps = int(model[-1].n_iter_.max())
    stopped = f"stopped after {steps} iterations" if steps >= ITERATIONS else ""

    def predict(features: np.ndarray) -> np.ndarray:
        probabilities = np.zeros((len(features), len(samples.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(features)
        return probabilities

    return predict, stopped


def _ridge(matrix: np.ndarray, targets: np.ndarray) -> Features:
    from sklearn.linear_model import Ridge

    model = _standardised(Ridge(solver="cholesky"))
    model.fit(matrix, targets.reshape(len(targets), -1))
    return lambda features: model.predict(features).reshape(len(features), -1)


def _standardised(model: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), model)
