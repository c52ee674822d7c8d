"""Losses of predicted distributions: likelihoods and quantiles, of standardized targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


class _Standardized(keras.losses.Loss):
    """Base of losses of mean and standard deviation, in units of the target's own deviation.

    Args:
        std: standard deviation of each target over the training split; empty: 1.
    """

    def __init__(self, std: Sequence[float], name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.std = tuple(float(s) for s in std)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample; y_pred (batch, 2, targets), y_true (batch, targets) or (batch,)."""
        y_pred = ops.convert_to_tensor(y_pred)
        mean, std = y_pred[:, 0], y_pred[:, 1]
        error = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(mean)) - mean
        scale = ops.cast(self.std or (1.0,), y_pred.dtype)
        return ops.mean(self.of_error(error / scale, std / scale), axis=-1)

    def of_error(self, error: Any, std: Any) -> Any:
        """Return the loss of errors whose predicted deviation is given, (batch, targets) each."""
        raise NotImplementedError

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the loss."""
        return {**super().get_config(), "std": self.std}


@keras.saving.register_keras_serializable(package="mlzoo")
class GaussianNll(_Standardized):
    """Negative log-likelihood of a normal distribution, weighted by its variance to a power.

    Args:
        std: standard deviation of each target over the training split; empty: 1.
        beta: power of the variance, which no gradient goes through; 0: the likelihood itself.
    """

    def __init__(
        self, std: Sequence[float], beta: float = 0.0, name: str = "gaussian_nll", **kwargs: Any
    ) -> None:
        super().__init__(std, name, **kwargs)
        self.beta = float(beta)

    def of_error(self, error: Any, std: Any) -> Any:
        """Return the loss of each error."""
        nll = ops.log(std) + 0.5 * ops.square(error / std) + _HALF_LOG_TWO_PI
        if not self.beta:
            return nll
        return nll * ops.power(ops.stop_gradient(std), 2 * self.beta)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the loss."""
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable(package="mlzoo")
class Pinball(keras.losses.Loss):
    """Pinball loss, the mean over quantiles and targets, in units of each target's deviation.

    Args:
        std: standard deviation of each target over the training split; empty: 1.
        levels: of the quantiles, in the order of the predictions.
    """

    def __init__(
        self, std: Sequence[float], levels: Sequence[float], name: str = "quantile", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.std = tuple(float(s) for s in std)
        self.levels = tuple(float(level) for level in levels)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, without unknown targets, which are NaN.

        Args:
            y_true: (batch, targets) or, of forecasts, (batch, horizon, targets).
            y_pred: the same with an axis of levels behind that of the batch.
        """
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred[:, 0]))
        known = ops.logical_not(ops.isnan(y_true))[:, None]
        scale = ops.cast(self.std or (1.0,), y_pred.dtype)
        error = ops.where(known, (y_true[:, None] - y_pred) / scale, 0.0)
        axes = tuple(range(1, len(y_pred.shape)))
        level = ops.reshape(ops.cast(self.levels, y_pred.dtype), (-1, *(1 for _ in axes[1:])))
        costs = ops.maximum(level * error, (level - 1) * error)
        share = ops.mean(ops.cast(known, y_pred.dtype), axis=axes)
        return ops.mean(costs, axis=axes) / ops.maximum(share, 1e-6)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the loss."""
        return {**super().get_config(), "std": self.std, "levels": self.levels}


@keras.saving.register_keras_serializable(package="mlzoo")
class StudentNll(_Standardized):
    """Negative log-likelihood of Student's t distribution with a given standard deviation.

    Args:
        std: standard deviation of each target over the training split; empty: 1.
        degrees: of freedom, over 2.
    """

    def __init__(
        self, std: Sequence[float], degrees: float, name: str = "student_t", **kwargs: Any
    ) -> None:
        super().__init__(std, name, **kwargs)
        self.degrees = float(degrees)

    def of_error(self, error: Any, std: Any) -> Any:
        """Return the loss of each error."""
        v = self.degrees
        scale = std * math.sqrt((v - 2) / v)
        constant = math.lgamma(v / 2) - math.lgamma((v + 1) / 2) + 0.5 * math.log(v * math.pi)
        return ops.log(scale) + 0.5 * (v + 1) * ops.log1p(ops.square(error / scale) / v) + constant

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the loss."""
        return {**super().get_config(), "degrees": self.degrees}
