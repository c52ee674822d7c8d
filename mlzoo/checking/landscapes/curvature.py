"""The largest and the smallest eigenvalues of a loss's Hessian, by Lanczos's method."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from mlzoo.checking.landscapes.losses import LossOf, Weights


class Spectrum(TypedDict):
    """Eigenvalues of a Hessian.

    Attributes:
        largest: the largest, descending; those that did not converge are left out.
        smallest: None where it did not converge.
        parameters: number of all eigenvalues.
    """

    largest: list[float]
    smallest: float | None
    parameters: int


def eigenvalues(loss: LossOf, weights: Weights, count: int, seed: int = 0) -> Spectrum:
    """Return the `count` largest eigenvalues of the Hessian and the smallest one.

    ARPACK's implicitly restarted Lanczos (Lehoucq, Sorensen and Yang 1998) needs products with the
    Hessian alone, so the matrix is never made.

    Args:
        loss: loss of a model.
        weights: where the Hessian is taken.
        count: number of eigenvalues, at least 1.
        seed: of the start vector.
    """
    sizes = [w.size for w in weights]
    total = sum(sizes)

    def product(flat: np.ndarray) -> np.ndarray:
        parts = np.split(flat.ravel(), np.cumsum(sizes)[:-1])
        vector = [p.reshape(w.shape).astype("float32") for p, w in zip(parts, weights, strict=True)]
        return np.concatenate([g.ravel() for g in loss.product(weights, vector)])

    operator = LinearOperator((total, total), matvec=product, dtype="float64")
    start = np.random.default_rng(seed).normal(size=total)
    largest = _eigsh(operator, min(count, total - 2), "LA", start)
    smallest = _eigsh(operator, 1, "SA", start)
    return {
        "largest": sorted(largest, reverse=True),
        "smallest": smallest[0] if smallest else None,
        "parameters": total,
    }


def _eigsh(operator: Any, count: int, which: str, start: np.ndarray) -> list[float]:
    try:
        values = eigsh(operator, k=count, which=which, v0=start, tol=1e-3, maxiter=60,
                      return_eigenvectors=False)  # fmt: skip
    except ArpackNoConvergence as error:
        values = error.eigenvalues
    return [float(value) for value in values]


def sentence(spectrum: Spectrum) -> str:
    """Return a sentence about the eigenvalues."""
    largest = spectrum["largest"]
    if not largest:
        return "the Hessian's eigenvalues did not converge"
    rate = 2 / largest[0] if largest[0] > 0 else None
    text = f"the Hessian's largest eigenvalue is {largest[0]:.4g}"
    if rate is not None:
        text += f", so plain gradient descent diverges from rates over {rate:.3g}"
    if spectrum["smallest"] is not None and spectrum["smallest"] < -1e-3 * abs(largest[0]):
        text += f"; its smallest is {spectrum['smallest']:.3g}, so some direction still leads down"
    return text
