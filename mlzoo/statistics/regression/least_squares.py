"""Least squares and ridge regression by orthogonal factors, which ill-conditioned features need.

The normal equations square the condition number; a QR decomposition does not (Golub and Van Loan,
"Matrix Computations", 2013, section 5.3). The features are read once, in chunks: the triangular
factor of all rows is that of the factor so far with the next rows below it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlzoo.statistics.scorers import Array


@dataclass(frozen=True)
class ReducedSystem:
    """Linear regression of k targets on p features, reduced to a triangular system.

    Attributes:
        count: n, the rows that it was made of.
        feature_mean: (p,).
        target_mean: (k,).
        factor: (m, p) R of the centered features X = Q R; m is p, or n - 1 where that is less.
        projected: (m, k) the centered targets in the columns of Q.
        residual: (k,) squared norm of what no weights can explain.
        intercept: there is one; else nothing is centered, and the means are 0.
    """

    count: int
    feature_mean: Array
    target_mean: Array
    factor: Array
    projected: Array
    residual: Array
    intercept: bool = True


def reduce(chunks: Iterable[tuple[Array, Array]], intercept: bool = True) -> ReducedSystem:
    """Return the triangular system of features (n, p) and targets (n, k), given in chunks.

    Args:
        chunks: features and targets; without an intercept there may be no rows in them.
        intercept: center both, which is to fit an intercept.

    Raises:
        ValueError: there are no rows.
    """
    factor: Array | None = None
    count = 0
    for features, targets in chunks:
        count += len(features)
        ones = np.ones((len(features), int(intercept)))
        rows = np.concatenate([ones, features, targets], axis=1).astype("float64")
        rows = rows if factor is None else np.concatenate([factor, rows])
        factor = np.asarray(np.linalg.qr(rows, mode="r"))
    if factor is None:
        raise ValueError("least squares need at least one row")
    p, k = features.shape[1], targets.shape[1]
    # The first row belongs to the column of ones: it holds the sums, and leaves what is centered.
    means = factor[0, 1:] / factor[0, 0] if intercept else np.zeros(p + k)
    below = factor[1:, 1:] if intercept else factor
    rest = below[p:, p:]
    return ReducedSystem(
        count,
        feature_mean=means[:p],
        target_mean=means[p:],
        factor=below[:p, :p],
        projected=below[:p, p:],
        residual=(rest**2).sum(axis=0) if len(rest) else np.zeros(k),
        intercept=intercept,
    )


def solve(system: ReducedSystem, ridge: float = 0.0) -> tuple[Array, Array]:
    """Return the weights (p, k) and intercepts (k,) that minimize squared error and penalty.

    Where several do equally well, those of the least norm are taken, each weight in units of its
    feature's spread.

    Args:
        system: the regression.
        ridge: penalty on the sum of the squared weights, beside the sum of the squared errors; the
            intercept has none.
    """
    p, k = system.factor.shape[1], system.projected.shape[1]
    spread = np.linalg.norm(system.factor, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    matrix, right = system.factor / spread, system.projected
    if ridge:
        matrix = np.concatenate([matrix, np.diag(ridge**0.5 / spread)])
        right = np.concatenate([right, np.zeros((p, k))])
    scaled = np.linalg.lstsq(matrix, right, rcond=None)[0]
    weights = scaled / spread[:, None]
    return weights, system.target_mean - system.feature_mean @ weights
