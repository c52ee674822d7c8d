"""Logistic or ridge regression, bounded in cost."""

from __future__ import annotations

from typing import Any

from mlzoo.baselines import _linear_forecasts, _linear_pixels, _linear_steps
from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = (
    "classes per sample",
    "numbers per sample",
    "classes per pixel",
    "numbers per pixel",
    "classes per step",
    "numbers per horizon",
)
LEARNS = True
FAST = True
ROWS = 5000
"""Training samples that the linear model is fitted on, at most."""
ITERATIONS = 100
INVERSE_PENALTY = {"image": 0.1}
"""scikit-learn's `C`; pixels need more L2 penalty than its default of 1."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the linear model; None where the training split holds one class alone."""
    if not len(data.train):
        return None
    fits = {
        "sample": _fit_each,
        "pixel": _linear_pixels.fit,
        "step": _linear_steps.fit,
        "horizon": _linear_forecasts.fit,
    }
    return fits[data.samples.target.per](data, seed)


def _fit_each(data: Data, seed: int) -> Baseline | None:
    """Return the model of one prediction a sample: for labels one-versus-rest."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.multiclass import OneVsRestClassifier

    target = data.samples.target

    def make() -> Estimator:
        if not (target.is_class or target.is_label_set):
            return Estimator(Ridge(solver="cholesky"))
        penalty = INVERSE_PENALTY.get(data.samples.kind, 1.0)
        logistic = LogisticRegression(C=penalty, max_iter=ITERATIONS, tol=1e-3)
        if target.is_label_set:
            return Estimator(OneVsRestClassifier(logistic))
        return Estimator(logistic, _stopped)

    return fit_samples(data, seed, ROWS, make)


def _stopped(model: Any) -> str:
    steps = int(model[-1].n_iter_.max())
    return f"stopped after {steps} iterations" if steps >= ITERATIONS else ""
