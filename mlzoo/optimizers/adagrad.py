"""AdaGrad (Duchi et al. 2011): each weight's rate falls with the sum of its squared gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 0.01


class Config(Settings):
    """Where the sum of squares starts, and what keeps its root from 0."""

    accumulator: float = Field(0.1, ge=0)
    """Where the sum of squared gradients starts."""
    epsilon: float = Field(1e-7, ge=0)
    """Added within the root."""


def build(config: Config, learning_rate: Any, **common: Any) -> keras.Optimizer:
    """Return the Keras optimizer."""
    import keras

    return keras.optimizers.Adagrad(
        learning_rate,
        initial_accumulator_value=config.accumulator,
        epsilon=config.epsilon,
        **common,
    )
