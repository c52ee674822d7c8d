"""Ridge regression on more features than samples, with the penalty of least leave-one-out error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlzoo.statistics.calibration.temperature import temperature_of, tempered

PENALTIES = np.logspace(-3, 3, 10)
"""Candidates, as a share of the number of features."""


@dataclass(frozen=True)
class FeatureRidge:
    """Fitted ridge regression.

    Attributes:
        mean: (features,) of the training rows.
        scale: (features,) their standard deviation; 1 of constants.
        weights: (features, outputs) of standardized features.
        bias: (outputs,) means of the targets.
        temperature: that scores of classes are divided by; None of numbers.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    temperature: float | None

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (n, classes), or numbers (n, outputs), from (n, features)."""
        scores = (features - self.mean) / self.scale @ self.weights + self.bias
        return scores if self.temperature is None else tempered(scores, self.temperature)


def fit_ridge(features: np.ndarray, targets: np.ndarray, classes: int) -> FeatureRidge:
    """Fit one penalty to all outputs, by the eigenvalues of the Gram matrix.

    Leave-one-out residuals are those of Golub, Heath and Wahba, "Generalized Cross-Validation as a
    Method for Choosing a Good Ridge Parameter" (1979): (G^-1 y) / diag(G^-1).

    Args:
        features: (n, features).
        targets: (n,) class positions, or (n, ...) numbers.
        classes: how many; 0: the targets are numbers.
    """
    rows = len(features)
    wanted = np.eye(classes)[targets] if classes else targets.reshape(rows, -1).astype("float64")
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    scale = np.where(deviation > 1e-6, deviation, 1.0)
    x = ((features - mean) / scale).astype("float64")
    bias = wanted.mean(axis=0)
    values, vectors = np.linalg.eigh(x @ x.T)
    turned = vectors.T @ (wanted - bias)
    spread = wanted.std(axis=0)
    usual = np.where(spread > 0, spread, 1.0)
    best = (np.inf, turned, wanted)
    for penalty in PENALTIES * x.shape[1]:
        inverse = 1 / (np.maximum(values, 0) + penalty)
        dual = vectors @ (inverse[:, None] * turned)
        # A constant direction is centered away: 1 / (n * penalty) of it belongs to the intercept.
        diagonal = np.square(vectors) @ inverse - 1 / (rows * penalty)
        residual = dual / np.maximum(diagonal, 1e-12)[:, None]
        error = float(np.square(residual / usual).mean())
        if error < best[0]:
            best = (error, dual, wanted - residual)
    temperature = temperature_of(best[2], targets) if classes else None
    return FeatureRidge(mean, scale, x.T @ best[1], bias, temperature)
