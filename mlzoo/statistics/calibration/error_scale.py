"""Expected sizes of a regression's errors, sample by sample.

The logarithm of the scale is linear in the prediction, the features of a sample and their absolute
values. It is fitted by maximum likelihood of a Laplace distribution of the errors, with a ridge
penalty that cross-validation chooses. Conformal scores that are divided by such a scale give
intervals as wide as the errors (Lei et al., Distribution-Free Predictive Inference for Regression,
2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Array

FEWEST = 50
"""Samples or groups below which the scale is taken to be the same everywhere."""
MOST = 2000
"""Samples that a scale is fitted on, drawn at random."""
WIDEST, AXES = 32, 16
"""Features beyond which their first principal axes take their place, and how many of these."""
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, np.inf)
"""Ridge penalties that are compared; with the last one the scale is the same everywhere."""
OF_PREDICTION = 0.1
"""Share of the penalty that the weight of the prediction bears."""
_FOLDS = 3
_STEPS = 30
_FARTHEST = 3.0
"""Standard deviations that descriptors are clipped to."""


@dataclass(frozen=True)
class ErrorScale:
    """Scale of errors as a function of features and predictions, for K members and t targets.

    Attributes:
        center: (w,) mean of the features.
        axes: (w, q) from centered features to descriptors of variance 1.
        y_center, y_std: (t,) of predictions.
        weights: (K, t, 2 + 2 q) of 1, the prediction, the descriptors and their absolute values.
    """

    center: Array
    axes: Array
    y_center: Array
    y_std: Array
    weights: Array

    def __call__(self, features: Array, y_pred: Array) -> Array:
        """Return the scales (n, K, t).

        Args:
            features: (n, w).
            y_pred: (n, K, t) predictions of the members.
        """
        descriptors = _descriptors(features, self.center, self.axes)
        first = _clipped((y_pred - self.y_center) / self.y_std)
        logs = self.weights[:, :, 0] + first * self.weights[:, :, 1]
        return np.asarray(
            np.exp(logs + np.einsum("nd,ktd->nkt", descriptors, self.weights[..., 2:]))
        )

    def record(self) -> dict[str, list[object]]:
        """Return the arrays as lists."""
        return {name: value.tolist() for name, value in vars(self).items()}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ErrorScale:
        """Restore a scale from its `record`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        names = ("center", "axes", "y_center", "y_std", "weights")
        center, axes, *rest = (np.array(record[name], "float64") for name in names)
        return cls(center, axes.reshape(len(center), -1), *rest)


def fit_error_scale(
    features: Array,
    y_pred: Array,
    errors: Array,
    unit: Array,
    member: Array | None,
    seed: int,
    members: int | None = None,
) -> ErrorScale | None:
    """Return a scale; None where there are few samples, or the same one does as well everywhere.

    Args:
        features: (n, w); w may be 0.
        y_pred: (n, t) predictions.
        errors: (n, t) absolute errors of these.
        unit: (n,) the sample or group of each, from 0.
        member: (n,) of each the member that did not see it, from 0: the scale for a member is
            fitted on the samples of all others. None: there is one model.
        seed: of the samples that are drawn, and of the folds.
        members: how many there are, some of which may have seen all samples that are drawn; by
            default those of `member`.
    """
    rng = np.random.default_rng([seed, 0x5CA1E])
    if len(np.unique(unit)) < FEWEST or not errors.any(axis=0).all():
        return None
    if len(unit) > MOST:
        rows = np.sort(rng.choice(len(unit), MOST, replace=False))
        features, y_pred, errors, unit = (v[rows] for v in (features, y_pred, errors, unit))
        member = None if member is None else member[rows]
    center, axes = _axes(features)
    y_center, y_std = y_pred.mean(axis=0), y_pred.std(axis=0)
    y_std = np.where(y_std > 0, y_std, 1.0)
    descriptors = _descriptors(features, center, axes)
    count = np.unique(unit, return_inverse=True)[1].reshape(-1)
    fold = (rng.permutation(count.max() + 1) % _FOLDS)[count]
    first = _clipped((y_pred - y_center) / y_std)
    if members is None:
        members = 1 if member is None else int(member.max()) + 1
    weights = np.zeros((members, y_pred.shape[1], 2 + descriptors.shape[1]))
    for t in range(y_pred.shape[1]):
        x = np.concatenate([np.ones((len(first), 1)), first[:, [t]], descriptors], axis=1)
        penalty = _best_penalty(x, errors[:, t], fold)
        for k in range(members):
            known = np.ones(len(x), bool) if member is None else member != k
            weights[k, t] = _fitted(x[known], errors[known, t], penalty)
    if not weights[..., 1:].any():
        return None
    return ErrorScale(center, axes, y_center, y_std, weights)


def _descriptors(features: Array, center: Array, axes: Array) -> Array:
    """Return descriptors and their absolute values, (n, 2 q)."""
    along = _clipped((features - center) @ axes)
    return np.concatenate([along, np.abs(along)], axis=1)


def _clipped(values: Array) -> Array:
    return np.asarray(np.clip(values, -_FARTHEST, _FARTHEST))


def _axes(features: Array) -> tuple[Array, Array]:
    """Return the center (w,) and axes (w, q): each feature's own, or principal ones of many."""
    center = features.mean(axis=0)
    std = features.std(axis=0)
    if features.shape[1] <= WIDEST:
        return center, np.diag(np.divide(1, std, out=np.zeros_like(std), where=std > 1e-9))
    _, singular, axes = np.linalg.svd(features - center, full_matrices=False)
    variance = singular[:AXES] ** 2 / len(features)
    kept = variance > 1e-9 * max(variance[0], 1e-300)
    return center, (axes[:AXES][kept] / np.sqrt(variance[kept])[:, None]).T


def _best_penalty(x: Array, errors: Array, fold: Array) -> float:
    """Return the penalty with the lowest loss of folds that were not fitted on."""
    losses = np.zeros(len(PENALTIES))
    for each in range(_FOLDS):
        rest = fold != each
        for i, penalty in enumerate(PENALTIES):
            weights = _fitted(x[rest], errors[rest], penalty)
            losses[i] += _losses(x[~rest] @ weights, errors[~rest]).sum()
    return PENALTIES[int(losses.argmin())]


def _losses(logs: Array, errors: Array) -> Array:
    """Return negative log-likelihoods of Laplace distributions, without their constant."""
    logs = np.clip(logs, -50, 50)
    return np.asarray(logs + errors * np.exp(-logs))


def _fitted(x: Array, errors: Array, penalty: float) -> Array:
    """Return the weights (d,) that minimize the mean loss and the penalty, by Newton's method.

    Args:
        x: (n, d), of which the first column is 1 and bears no penalty.
        errors: (n,) absolute errors.
        penalty: half of it multiplies the squared weights.
    """
    weights = np.zeros(x.shape[1])
    middle = float(errors.mean())
    errors = errors / middle  # The loss is convex, and its least known where all else is 0.
    if np.isfinite(penalty):
        ridge = np.full(len(weights), penalty)
        ridge[0], ridge[1] = 0.0, penalty * OF_PREDICTION

        def loss(w: Array) -> float:
            return float(_losses(x @ w, errors).mean() + 0.5 * (ridge * w**2).sum())

        value = loss(weights)
        for _ in range(_STEPS):
            ratio = errors * np.exp(-np.clip(x @ weights, -50, 50))
            gradient = x.T @ (1 - ratio) / len(x) + ridge * weights
            curvature = (x * ratio[:, None]).T @ x / len(x) + np.diag(ridge + 1e-9)
            step = np.linalg.solve(curvature, gradient)
            length = 1.0
            while (after := loss(weights - length * step)) > value and length > 1e-6:
                length /= 2
            if after >= value - 1e-9:
                break
            weights, value = weights - length * step, after
    weights[0] += np.log(middle)
    return weights
