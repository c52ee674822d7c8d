"""RMSprop (Hinton 2012): each gradient is divided by the root of a running mean of its square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 1e-3


class Config(Settings):
    """The running mean of squares, and what keeps its root from 0."""

    rho: float = Field(0.9, ge=0, lt=1)
    """Decay of the running mean of squared gradients."""
    epsilon: float = Field(1e-7, ge=0)
    """Added within the root."""


def build(config: Config, learning_rate: Any, **common: Any) -> keras.Optimizer:
    """Return the Keras optimizer."""
    import keras

    return keras.optimizers.RMSprop(learning_rate, rho=config.rho, epsilon=config.epsilon, **common)
