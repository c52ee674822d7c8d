"""Stochastic gradient descent: steps against the gradient, w -= rate * g."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 0.01


class Config(Settings):
    """It has no settings."""


def build(config: Config, learning_rate: Any, **common: Any) -> keras.Optimizer:
    """Return the Keras optimizer."""
    import keras

    return keras.optimizers.SGD(learning_rate, **common)
