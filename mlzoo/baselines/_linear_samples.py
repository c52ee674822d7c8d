"""Logistic or ridge regression of samples."""

from __future__ import annotations

from typing import Any

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

ROWS = 5000
"""Training samples that the linear model is fitted on, at most."""
ITERATIONS = 100
INVERSE_PENALTY = {"image": 0.1}
"""scikit-learn's `C`; pixels need more L2 penalty than its default of 1."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the linear model; None where the training samples are all of one class."""
    from sklearn.linear_model import LogisticRegression, Ridge

    def make() -> Estimator:
        if not data.samples.target.is_class:
            return Estimator(Ridge(solver="cholesky"))
        penalty = INVERSE_PENALTY.get(data.samples.kind, 1.0)
        return Estimator(LogisticRegression(C=penalty, max_iter=ITERATIONS, tol=1e-3), _stopped)

    return fit_samples(data, seed, ROWS, make)


def _stopped(model: Any) -> str:
    steps = int(model[-1].n_iter_.max())
    return f"stopped after {steps} iterations" if steps >= ITERATIONS else ""
