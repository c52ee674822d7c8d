"""Bayesian linear regression: the posterior of the weights in closed form.

Normal noise of precision alpha, and a normal prior of mean 0 and precision lambda on each weight
but the intercept, whose prior is flat (Bishop, "Pattern Recognition and Machine Learning", 2006,
section 3.3). The precisions are given, or those of the greatest evidence (MacKay, "Bayesian
Interpolation", 1992), with the weak gamma priors on both that scikit-learn's `BayesianRidge` has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlzoo.statistics.regression.least_squares import ReducedSystem
from mlzoo.statistics.scorers import Array

GAMMA = 1e-6
"""Shape and rate of the gamma priors of both precisions."""
_ROUNDS, _TOLERANCE = 10_000, 1e-12


@dataclass(frozen=True)
class Posterior:
    """Normal distribution of the weights of p features, and of what is predicted with them.

    Attributes:
        mean: (p,) of the weights.
        root: (p, p) a square root of their covariance, which is root @ root.T.
        center: (p,) where the features are centered: there the intercept and the weights are
            independent.
        intercept: mean of the predictions at `center`.
        intercept_variance: its variance.
        noise_precision: alpha.
        weight_precision: lambda.
    """

    mean: Array
    root: Array
    center: Array
    intercept: float
    intercept_variance: float
    noise_precision: float
    weight_precision: float

    @property
    def covariance(self) -> Array:
        """Return the covariance (p, p) of the weights."""
        return self.root @ self.root.T

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation (n,) of new targets, noise included.

        Args:
            features: (n, p).
        """
        away = features - self.center
        spread = ((away @ self.root) ** 2).sum(axis=1) + self.intercept_variance
        return self.intercept + away @ self.mean, np.sqrt(spread + 1 / self.noise_precision)

    def draw(self, features: Array, count: int, rng: np.random.Generator) -> Array:
        """Return functions drawn from the posterior, (count, n), at features (n, p)."""
        weights = self.mean + rng.standard_normal((count, self.root.shape[1])) @ self.root.T
        shifts = rng.standard_normal((count, 1)) * self.intercept_variance**0.5
        return self.intercept + shifts + weights @ (features - self.center).T


def posterior(
    system: ReducedSystem,
    target: int = 0,
    noise_precision: float | None = None,
    weight_precision: float | None = None,
) -> Posterior:
    """Return the posterior of one target's regression.

    Args:
        system: the regression; it has at least one row.
        target: which of its targets.
        noise_precision: alpha, over 0; None: that of the greatest evidence.
        weight_precision: lambda, over 0; None: that of the greatest evidence.
    """
    left, singular_values, right = np.linalg.svd(system.factor, full_matrices=True)
    target_along = left.T[: len(singular_values)] @ system.projected[:, target]
    # Directions that no row is along keep their prior.
    beyond = np.zeros(len(right) - len(singular_values))
    singular, projected = (
        np.concatenate([each, beyond]) for each in (singular_values, target_along)
    )
    squares = float((system.projected[:, target] ** 2).sum() - (projected**2).sum())
    unexplained = max(float(system.residual[target]) + squares, 0.0)
    alpha, lam = noise_precision, weight_precision
    if alpha is None or lam is None:
        alpha, lam = _most_evident(singular, projected, unexplained, system.count, alpha, lam)
    root = right.T / np.sqrt(alpha * singular**2 + lam)
    return Posterior(
        mean=right.T @ (singular * projected / (singular**2 + lam / alpha)),
        root=root,
        center=system.feature_mean,
        intercept=float(system.target_mean[target]),
        intercept_variance=1 / (alpha * system.count) if system.intercept else 0.0,
        noise_precision=alpha,
        weight_precision=lam,
    )


def _most_evident(
    singular: Array,
    projected: Array,
    unexplained: float,
    count: int,
    alpha: float | None,
    lam: float | None,
) -> tuple[float, float]:
    """Return alpha and lambda where the evidence is greatest, but for what is given.

    Args:
        singular: (p,) singular values of the centered features.
        projected: (p,) the centered target along their left vectors.
        unexplained: squared norm of the rest of it.
        count: rows.
        alpha: precision of the noise, or None.
        lam: precision of the prior, or None.
    """
    total = float((projected**2).sum()) + unexplained
    noise = alpha or 1 / (total / count + np.finfo(float).eps)
    prior = lam or 1.0
    for _ in range(_ROUNDS):
        weights = singular * projected / (singular**2 + prior / noise)
        error = unexplained + float(((projected - singular * weights) ** 2).sum())
        determined = float((noise * singular**2 / (prior + noise * singular**2)).sum())
        before = noise, prior
        prior = lam or (determined + 2 * GAMMA) / (float((weights**2).sum()) + 2 * GAMMA)
        noise = alpha or (count - determined + 2 * GAMMA) / (error + 2 * GAMMA)
        if np.allclose(before, (noise, prior), rtol=_TOLERANCE, atol=0):
            break
    return float(noise), float(prior)
