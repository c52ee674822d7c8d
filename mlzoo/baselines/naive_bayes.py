"""Naive Bayes: features independent within a class, numbers Gaussian, categories counted.

A category that x of the M samples of a class have, of N categories, has the probability
(x + a) / (M + a N), with a = 1 (Laplace smoothing). A missing category says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlzoo.baselines._samples import CATEGORIES, Estimator, fit_samples
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample",)
LEARNS = True
FAST = False
ROWS = 20_000
"""Training samples that it is fitted on, at most."""
SMOOTHING = 1.0


class NaiveBayes:
    """Classifier of numbers and one-hot categories.

    Args:
        blocks: widths of the one-hot categories, which are the last columns.
    """

    def __init__(self, blocks: Sequence[int] = ()) -> None:
        self.blocks = blocks

    def fit(self, x: np.ndarray, y: np.ndarray) -> NaiveBayes:
        """Fit on features (n, d), of which numbers may be missing, and classes (n,)."""
        from sklearn.impute import SimpleImputer
        from sklearn.naive_bayes import GaussianNB, MultinomialNB
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        numbers, *categories = self._parts(x)
        self.classes_, counts = np.unique(y, return_counts=True)
        self.prior_ = np.log(counts / counts.sum())
        imputer = SimpleImputer(strategy="median", keep_empty_features=True)
        gaussian = make_pipeline(imputer, StandardScaler(), GaussianNB())
        self.gaussian_ = gaussian.fit(numbers, y) if numbers.shape[1] else None
        self.counted_ = [MultinomialNB(alpha=SMOOTHING).fit(block, y) for block in categories]
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Return probabilities (n, k) of the classes."""
        numbers, *categories = self._parts(x)
        logs = np.tile(self.prior_, (len(x), 1))
        if self.gaussian_ is not None:
            scaled = self.gaussian_[:-1].transform(numbers)
            logs = self.gaussian_[-1].predict_joint_log_proba(scaled)
        for block, counted in zip(categories, self.counted_, strict=True):
            logs = logs + block @ counted.feature_log_prob_.T
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def _parts(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the numbers, and the columns of each category."""
        ends = x.shape[1] - np.cumsum([0, *self.blocks[::-1]])[::-1]
        return np.split(x, ends[:-1], axis=1)


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the classifier; None where the training samples are all of one class."""
    widths = [min(len(c.categories), CATEGORIES) for c in data.samples.columns if c.categories]
    return fit_samples(data, seed, ROWS, lambda: Estimator(NaiveBayes(widths), missing=True))
