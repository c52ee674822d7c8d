"""Scalar metrics as functions of sample weights: one code for a score and for its intervals.

A `Scorer` takes weights (b, n), how much each of n samples counts in each of b sets, and gives
b values, NaN where a metric is undefined. All weights 1 is the metric itself; weights of 0 leave
samples out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
Scorer = Callable[[Array], Array]
Predictions = Any
"""Input of metrics; `mlzoo.metrics` says what it holds for which kind of target."""

EPSILON = 1e-7
"""Probabilities are clipped to [EPSILON, 1 - EPSILON] before a logarithm, as Keras does."""


def ratio(numerator: Array, denominator: Array) -> Array:
    """Divide elementwise; NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


def precision_of(right: Array, chosen: Array, true: Array) -> Array:
    """Return the precision of classes: 0 for one that is never predicted but occurs.

    NaN for one that is neither predicted nor occurs.

    Args:
        right: how many samples of each class are predicted as such; any shape.
        chosen: how many are predicted as each class.
        true: how many are truly of each class.
    """
    return np.where((chosen == 0) & (true > 0), 0.0, ratio(right, chosen))


def weighted_mean(values: Array) -> Scorer:
    """Return the mean of values (n,), one a sample, as a function of weights."""
    return lambda weights: ratio(weights @ values, weights.sum(axis=1))


def mean_defined(values: Array) -> Array:
    """Return the mean of each row over its entries that are not NaN."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0).sum(axis=1), defined.sum(axis=1))


def summed(values: Array, score: Callable[[Array], Array]) -> Scorer:
    """Return a scorer that takes sums (b, ...) of the samples' values (n, ...)."""
    flat = values.reshape(len(values), -1).astype("float64")
    return lambda weights: score((weights @ flat).reshape(len(weights), *values.shape[1:]))


class ClassPredictions:
    """Predicted classes of n samples.

    Attributes:
        y_true: (n,) positions of the true classes, 0..k-1.
        y_pred: (n, k) probabilities.
        positive: which of two classes a metric of one class is about.
        true: (n, k) 1 for the true class, else 0.
        chosen: (n, k) 1 for the most probable class.
        right: (n, k) 1 for a true class that is the most probable one.
    """

    def __init__(self, y_true: Array, y_pred: Array, positive: int = 1) -> None:
        self.y_true, self.y_pred, self.positive = y_true, y_pred, positive
        places = np.arange(y_pred.shape[1])
        self.true = (y_true[:, None] == places).astype("float64")
        self.chosen = (y_pred.argmax(axis=1)[:, None] == places).astype("float64")
        self.right = self.true * self.chosen

    def mean(self, values: Array) -> Scorer:
        """Return the mean of values (n,)."""
        return weighted_mean(values)

    def mean_error(self, error: Callable[[Array], Array]) -> Scorer:
        """Return the mean of a function of the differences, in classes, of ordered classes."""
        return weighted_mean(error(self.y_pred.argmax(axis=1) - self.y_true).astype("float64"))


class LabelPredictions:
    """Predicted label sets of n samples.

    Attributes:
        y_true: (n, k) 1 for the labels that a sample has, else 0.
        y_pred: (n, k) probabilities.
        true: the same as `y_true`.
        chosen: (n, k) 1 for the labels that are predicted.
        right: (n, k) 1 for true labels that are predicted.
    """

    def __init__(self, y_true: Array, y_pred: Array, chosen: Array) -> None:
        self.y_true = self.true = y_true.astype("float64")
        self.y_pred = y_pred.astype("float64")
        self.chosen = chosen.astype("float64")
        self.right = self.true * self.chosen

    @property
    def exact(self) -> Array:
        """Return 1.0 where no label is missing and none too many, (n,)."""
        return (self.true == self.chosen).all(axis=1).astype("float64")

    def mean(self, values: Array) -> Scorer:
        """Return the mean of values (n,)."""
        return weighted_mean(values)

    def each(self) -> list[ClassPredictions]:
        """Return the labels one by one, as the second of two classes each."""
        return [
            ClassPredictions(
                self.true[:, i].astype("int64"),
                np.stack([1 - self.y_pred[:, i], self.y_pred[:, i]], axis=1),
            )
            for i in range(self.true.shape[1])
        ]


@dataclass(frozen=True)
class Distributions:
    """Predicted distributions of n samples with numbers (n, ...): by deviations or by quantiles.

    Attributes:
        std: (n, ...) standard deviations; None of quantiles.
        levels: (q,) of the quantiles, ascending; () of deviations.
        quantiles: (n, q, ...) in the order of the levels; None of deviations.
    """

    std: Array | None = None
    levels: tuple[float, ...] = ()
    quantiles: Array | None = None

    @classmethod
    def of_quantiles(cls, outputs: Array, levels: Sequence[float]) -> Distributions:
        """Return the distributions of a model's quantiles (n, q, ...), whatever their order."""
        order = np.argsort(levels)
        quantiles = np.asarray(outputs, "float64")[:, order]
        return cls(None, tuple(levels[i] for i in order), quantiles)


class NumberPredictions:
    """Predicted numbers of n samples.

    Attributes:
        y_true: (n, k) true values, in the units of the target.
        y_pred: (n, k) predicted values.
        distributions: what is predicted beside them; None of points.
    """

    def __init__(
        self, y_true: Array, y_pred: Array, distributions: Distributions | None = None
    ) -> None:
        self.y_true = y_true.reshape(len(y_true), -1).astype("float64")
        self.y_pred = y_pred.reshape(self.y_true.shape).astype("float64")
        self.distributions = distributions

    def mean_error(self, error: Callable[[Array], Array]) -> Scorer:
        """Return the mean of a function of the differences over all values."""
        return self.mean_of(error(self.y_pred - self.y_true))

    def mean_of(self, values: Array) -> Scorer:
        """Return the mean over all values (n, k)."""
        return weighted_mean(values.mean(axis=1))


@dataclass(frozen=True)
class ConfidenceBins:
    """Confidence, the largest probability, and correctness, by bins of equal mass.

    Attributes:
        count: (n, b) predictions of each of n samples, images or sequences in each of b bins.
        confidence: (n, b) sums of their confidence.
        right: (n, b) how many of them are right.
        squared_error: (n,) sums of their squared errors of probabilities, as the Brier score has
            them.
    """

    count: Array
    confidence: Array
    right: Array
    squared_error: Array


@dataclass(frozen=True)
class ClassCounts:
    """Counts of pixels or steps of n images or sequences, and k classes.

    Attributes:
        confusion: (n, k, k); rows are true classes, columns predicted ones.
        bins: confidence of what is predicted; None where there are no probabilities.
        true: (n, k) how many are truly of each class.
        chosen: (n, k) how many are predicted as each class.
        right: (n, k) how many of each class are predicted as such.
    """

    confusion: Array
    bins: ConfidenceBins | None = field(default=None, kw_only=True)

    @property
    def true(self) -> Array:  # noqa: D102
        return self.confusion.sum(axis=2)

    @property
    def chosen(self) -> Array:  # noqa: D102
        return self.confusion.sum(axis=1)

    @property
    def right(self) -> Array:  # noqa: D102
        return np.diagonal(self.confusion, axis1=1, axis2=2)

    def mean(self, values: Array) -> Scorer:
        """Return the mean over pixels or steps of sums of values (n,), one an image."""
        count = self.confusion.sum(axis=(1, 2))
        return lambda weights: ratio(weights @ values, weights @ count)


FALSE_ALARMS = 0.05
"""Share of normal samples that may be flagged as anomalous."""


def p_values(errors: Array, normal: Array) -> Array:
    """Return conformal p-values (n,): (1 + normal errors at least as large) / (k + 1).

    Of normal samples on which nothing was chosen at most a share p has p-values up to p (Vovk,
    Gammerman and Shafer, "Algorithmic Learning in a Random World", 2005).

    Args:
        errors: (n,) those of the samples.
        normal: (k,) those of normal samples that were not trained on.
    """
    smaller = np.searchsorted(np.sort(normal), errors, side="left")
    return (1 + len(normal) - smaller) / (len(normal) + 1)


@dataclass(frozen=True)
class Reconstructions:
    """Errors of n reconstructed samples.

    Attributes:
        sums: (n, 3) number of values, sums of squared and of absolute errors.
        anomalous: (n,) whether a sample is known to be anomalous; None: nothing is known.
        p_values: (n,) how unusual its error is among normal samples; None where there were none.
    """

    sums: Array
    anomalous: Array | None = None
    p_values: Array | None = None

    def errors(self) -> Array:
        """Return the mean squared error (n,) of each sample."""
        return self.sums[:, 1] / self.sums[:, 0]

    def mean_error(self, error: Callable[[Array], Array]) -> Scorer:
        """Return the mean over normal samples of `np.square` or `np.abs` of the differences."""
        columns: dict[Any, int] = {np.square: 1, np.abs: 2}
        sums = self.sums if self.anomalous is None else self.sums * ~self.anomalous[:, None]
        return lambda weights: ratio(weights @ sums[:, columns[error]], weights @ sums[:, 0])

    # As those of a classifier whose second class is what is anomalous.

    @property
    def y_true(self) -> Array:
        """Return 1 for anomalous samples, (n,)."""
        return np.zeros(len(self.sums)) if self.anomalous is None else self.anomalous.astype(int)

    @property
    def y_pred(self) -> Array:
        """Return how normal and how anomalous a sample looks, (n, 2); (n, 1) if none is known."""
        errors = self.errors()[:, None]
        return errors if self.anomalous is None else np.concatenate([-errors, errors], axis=1)

    @property
    def positive(self) -> int:
        """Return the position of what is anomalous."""
        return 1

    def flagged(self, anomalous: bool) -> Scorer | None:
        """Return the share of anomalous or of normal samples that are flagged.

        None where it is not known which are anomalous; NaN without p-values.
        """
        if self.anomalous is None:
            return None
        if self.p_values is None:
            return lambda weights: np.full(len(weights), np.nan)
        wanted = (self.anomalous == anomalous).astype("float64")
        alarms = wanted * (self.p_values <= FALSE_ALARMS)
        return lambda weights: ratio(weights @ alarms, weights @ wanted)
