"""AdaDelta (Zeiler 2012): RMSprop whose rate comes from a running mean of its own squared steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 1.0


class Config(Settings):
    """The running means, and what keeps their roots from 0."""

    rho: float = Field(0.95, ge=0, lt=1)
    """Decay of the running means of squared gradients and squared steps."""
    epsilon: float = Field(1e-7, ge=0)
    """Added within the roots."""


def build(config: Config, learning_rate: Any, **common: Any) -> keras.Optimizer:
    """Return the Keras optimizer."""
    import keras

    return keras.optimizers.Adadelta(
        learning_rate, rho=config.rho, epsilon=config.epsilon, **common
    )
