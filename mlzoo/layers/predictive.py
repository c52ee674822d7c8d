"""Predictive distributions of numbers: mean and standard deviation, or quantiles, of each.

The layer `distribution` of a model holds both, (batch, 2, targets), or the quantiles, (batch,
levels, targets), the median first, in the units of the targets; the model's output is the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from mlzoo.data.specs import Outputs
    from mlzoo.statistics.regression.bayesian import Posterior

DISTRIBUTION = "distribution"
"""Name of the layer that holds mean and standard deviation."""
_SOFTPLUS_OF_ONE = math.log(math.e - 1)
_LEAST = 1e-3


@keras.saving.register_keras_serializable(package="mlzoo")
class LinearPosterior(keras.layers.Layer):
    """Predictions of a Bayesian linear regression, beside their standard deviation.

    Input: features (batch, p) and the mean prediction (batch, targets). Output: (batch, 2,
    targets). Its weights are set by `set_posteriors`; no gradient changes them.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def build(self, input_shape: Sequence[tuple[int | None, ...]]) -> None:
        """Make the weights: centers of the features, roots of covariances, and variances."""
        (_, p), (_, k) = input_shape
        fixed = {"initializer": "zeros", "trainable": False}
        self.center = self.add_weight(shape=(p,), name="center", **fixed)
        self.root = self.add_weight(shape=(k, p, p), name="root", **fixed)
        self.noise = self.add_weight(shape=(k,), name="noise", **fixed)
        self.intercept = self.add_weight(shape=(k,), name="intercept", **fixed)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Return the mean and the standard deviation, stacked."""
        features, mean = inputs
        along = ops.einsum("np,kpq->nkq", features - self.center, self.root)
        variance = ops.sum(ops.square(along), axis=-1) + self.intercept + self.noise
        return ops.stack([mean, ops.sqrt(variance)], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return (batch, 2, targets)."""
        return (input_shape[1][0], 2, input_shape[1][1])

    def set_posteriors(self, posteriors: Sequence[Posterior], scale: Sequence[float]) -> None:
        """Set the weights.

        Args:
            posteriors: of each target, as it was fitted: standardized, on the same features.
            scale: what a standardized target is multiplied by.
        """
        self.center.assign(posteriors[0].center)
        self.root.assign(np.stack([s * p.root for s, p in zip(scale, posteriors, strict=True)]))
        squares = np.square(scale)
        self.noise.assign(squares / [p.noise_precision for p in posteriors])
        self.intercept.assign(squares * [p.intercept_variance for p in posteriors])

    def draw(
        self, features: np.ndarray, mean: np.ndarray, count: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Return functions drawn from the posterior, (count, n, targets).

        Args:
            features: (n, p).
            mean: (n, targets) their mean predictions.
            count: how many.
            rng: decides which.
        """
        center, root, intercept = map(
            ops.convert_to_numpy, (self.center, self.root, self.intercept)
        )
        away = np.einsum("np,kpq->nkq", features - center, root)
        weights = rng.standard_normal((count, *root.shape[:2]))
        shifts = rng.standard_normal((count, 1, len(root))) * np.sqrt(intercept)
        return mean + shifts + np.einsum("nkq,ckq->cnk", away, weights)


@keras.saving.register_keras_serializable(package="mlzoo")
class MeanAndDeviation(keras.layers.Layer):
    """Mean and standard deviation from two numbers for each target, in the targets' units.

    Input: (batch, 2 targets), the means first. Output: (batch, 2, targets). A deviation is the
    softplus of its number, 1 standardized target where that is 0, and never under a thousandth.

    Args:
        mean: mean of each target over the training split.
        std: their standard deviations.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.mean = [float(value) for value in mean]
        self.std = [float(value) for value in std]

    def call(self, numbers: Any) -> Any:
        """Return the mean and the standard deviation, stacked."""
        targets = len(self.mean)
        scale = ops.convert_to_tensor(self.std, "float32")
        mean = numbers[:, :targets] * scale + ops.convert_to_tensor(self.mean, "float32")
        deviation = ops.softplus(numbers[:, targets:] + _SOFTPLUS_OF_ONE) + _LEAST
        return ops.stack([mean, deviation * scale], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, 2, targets)."""
        return (input_shape[0], 2, len(self.mean))

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "mean": self.mean, "std": self.std}


@keras.saving.register_keras_serializable(package="mlzoo")
class PredictiveMean(keras.layers.Layer):
    """The first number of a distribution, its mean or median, as the prediction.

    Input: (batch, numbers, targets), of forecasts (batch, numbers, horizon, targets). Output: the
    same without numbers.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, distribution: Any) -> Any:
        """Return the mean or median."""
        return distribution[:, 0]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape without the axis of numbers."""
        return (input_shape[0], *input_shape[2:])


@keras.saving.register_keras_serializable(package="mlzoo")
class MixtureMoments(keras.layers.Layer):
    """Mean and standard deviation of an equal mixture of K distributions.

    Input: (batch, K, 2, targets). Output: (batch, 2, targets). The variance is the mean of the
    variances and the variance of the means.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, members: Any) -> Any:
        """Return the moments."""
        means, deviations = members[:, :, 0], members[:, :, 1]
        variance = ops.mean(ops.square(deviations), axis=1) + ops.var(means, axis=1)
        return ops.stack([ops.mean(means, axis=1), ops.sqrt(variance)], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, 2, targets)."""
        return (input_shape[0], *input_shape[2:])


def mixture_mean(members: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean, by way of the layer `distribution`, of members (batch, K, 2, targets)."""
    return mean_of(MixtureMoments(name=DISTRIBUTION)(members))


def mean_of(distribution: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean, or median, of what the layer `distribution` gives, as a model's output."""
    return PredictiveMean(name="predictive_mean")(distribution)


def mean_and_deviation(
    numbers: keras.KerasTensor, mean: Sequence[float], std: Sequence[float]
) -> keras.KerasTensor:
    """Return the mean, by way of the layer `distribution`, of two numbers a target.

    Args:
        numbers: (batch, 2 targets).
        mean: mean of each target over the training split; empty: 0.
        std: their standard deviations; empty: 1.
    """
    targets = numbers.shape[-1] // 2
    statistics = mean or [0.0] * targets, std or [1.0] * targets
    return mean_of(MeanAndDeviation(*statistics, name=DISTRIBUTION)(numbers))


def trained_on(model: keras.Model, outputs: Outputs) -> keras.Model:
    """Return what a loss is taken of: the model, or the distribution that it predicts."""
    spread = distribution_model(model) if outputs.distribution else None
    return model if spread is None else spread


def distribution_model(model: keras.Model) -> keras.Model | None:
    """Return a model, on the same layers, from inputs to the distribution; None without one."""
    if all(layer.name != DISTRIBUTION for layer in model.layers):
        return None
    return keras.Model(model.inputs, model.get_layer(DISTRIBUTION).output, name=model.name)


def levels_of(model: keras.Model) -> tuple[float, ...]:
    """Return the levels of the quantiles that a model predicts, the median first; () without."""
    layers = [layer for layer in model.layers if layer.name == DISTRIBUTION]
    return tuple(getattr(layers[0], "levels", ())) if layers else ()


@keras.saving.register_keras_serializable(package="mlzoo")
class Quantiles(keras.layers.Layer):
    """Quantiles in the targets' units from a number for each level and target.

    Input: (batch, levels * targets), one level after another. Output: (batch, levels, targets),
    sorted, so that quantiles do not cross (Chernozhukov, Fernandez-Val and Galichon, "Quantile and
    Probability Curves Without Crossing", 2010).

    Args:
        mean: mean of each target over the training split.
        std: their standard deviations.
        levels: shares of the targets below each quantile, the median first.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], levels: Sequence[float], **kwargs: Any
    ) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.mean = [float(value) for value in mean]
        self.std = [float(value) for value in std]
        self.levels = [float(level) for level in levels]

    def call(self, numbers: Any) -> Any:
        """Return the quantiles."""
        rows = ops.reshape(numbers, (-1, len(self.levels), len(self.mean)))
        ranks = [sorted(self.levels).index(level) for level in self.levels]
        ordered = ops.take(ops.sort(rows, axis=1), ranks, axis=1)
        scale = ops.convert_to_tensor(self.std, "float32")
        return ordered * scale + ops.convert_to_tensor(self.mean, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, levels, targets)."""
        return (input_shape[0], len(self.levels), len(self.mean))

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        own = {"mean": self.mean, "std": self.std, "levels": self.levels}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="mlzoo")
class MeanQuantiles(keras.layers.Layer):
    """Means of the members' quantiles: (batch, K, levels, targets) to (batch, levels, targets).

    Args:
        levels: shares of the targets below each quantile, the median first.
    """

    def __init__(self, levels: Sequence[float], **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.levels = [float(level) for level in levels]

    def call(self, members: Any) -> Any:
        """Return the means."""
        return ops.mean(members, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (batch, levels, targets)."""
        return (input_shape[0], *input_shape[2:])

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "levels": self.levels}


def quantiles(
    numbers: keras.KerasTensor,
    mean: Sequence[float],
    std: Sequence[float],
    levels: Sequence[float],
) -> keras.KerasTensor:
    """Return the median, by way of the layer `distribution`, of a number for each quantile.

    Args:
        numbers: (batch, levels * targets).
        mean: mean of each target over the training split; empty: 0.
        std: their standard deviations; empty: 1.
        levels: of the quantiles, the median first.
    """
    targets = numbers.shape[-1] // len(levels)
    statistics = mean or [0.0] * targets, std or [1.0] * targets
    return mean_of(Quantiles(*statistics, levels, name=DISTRIBUTION)(numbers))


def mean_quantiles(members: keras.KerasTensor, levels: Sequence[float]) -> keras.KerasTensor:
    """Return the median, by way of the layer `distribution`, of (batch, K, levels, targets)."""
    return mean_of(MeanQuantiles(levels, name=DISTRIBUTION)(members))
