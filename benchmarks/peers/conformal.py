"""MAPIE's split-conformal intervals and sets, of predictions that a benchmark has written.

Runs in an environment of its own: `python conformal.py SPLITS.npz ...` prints a JSON object a file:
`coverage` of the test samples, `size` (mean width of intervals, or classes a set).
"""

from __future__ import annotations

import json
import sys

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.regression import SplitConformalRegressor
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class Given(RegressorMixin, BaseEstimator):
    """Regressor whose inputs are the predictions."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Given:
        """Learn nothing."""
        self.fitted_ = True
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the first column."""
        return x[:, 0]


class GivenClasses(ClassifierMixin, BaseEstimator):
    """Classifier whose inputs are the probabilities."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> GivenClasses:
        """Learn the number of classes."""
        self.classes_ = np.arange(x.shape[1])
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Return the inputs."""
        return x

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the most probable classes."""
        return x.argmax(axis=1)


def measured(path: str) -> dict[str, float]:
    """Return the coverage and the size of a file's intervals or sets."""
    with np.load(path, allow_pickle=False) as file:
        known, y_known, test, y_test = (file[n] for n in ("known", "y_known", "test", "y_test"))
        level, classes = float(file["level"]), bool(file["classes"])
    if classes:
        model = GivenClasses().fit(known, y_known)
        fitted = SplitConformalClassifier(model, confidence_level=level, prefit=True)
        fitted.conformalize(known, y_known)
        sets = fitted.predict_set(test)[1][:, :, 0]
        held, size = sets[np.arange(len(test)), y_test], sets.sum(axis=1)
    else:
        model = Given().fit(known, y_known)
        fitted = SplitConformalRegressor(model, confidence_level=level, prefit=True)
        fitted.conformalize(known, y_known)
        low, high = fitted.predict_interval(test)[1][:, :, 0].T
        held, size = (low <= y_test) & (y_test <= high), high - low
    return {"coverage": float(held.mean()), "size": float(size.mean())}


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(json.dumps(measured(path)), flush=True)
