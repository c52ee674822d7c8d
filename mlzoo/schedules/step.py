"""The learning rate is multiplied by a factor every few epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras
    import numpy as np


class Config(Settings):
    """When it drops, and by how much."""

    decay_every: int = Field(10, ge=1)
    """Epochs between the drops."""
    decay_factor: float = Field(0.5, gt=0, lt=1)
    """Factor by which the rate is multiplied."""


def build(
    config: Config, rate: float, epochs: int, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the Keras schedule."""
    import keras

    return keras.optimizers.schedules.ExponentialDecay(
        rate, config.decay_every * steps, config.decay_factor, staircase=True
    )


def rates(config: Config, rate: float, epochs: int, steps: int, step: np.ndarray) -> np.ndarray:
    """Return the rate of each step."""
    rates: np.ndarray = rate * config.decay_factor ** (step // (config.decay_every * steps))
    return rates
