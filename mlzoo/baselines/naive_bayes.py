"""Gaussian naive Bayes: features independent within a class."""

from __future__ import annotations

from mlzoo.baselines._samples import Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample",)
LEARNS = True
FAST = False
ROWS = 20_000
"""Training samples that it is fitted on, at most."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the classifier; None where the training samples are all of one class."""
    from sklearn.naive_bayes import GaussianNB

    return fit_samples(data, seed, ROWS, lambda: Estimator(GaussianNB()))
