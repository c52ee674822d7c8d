"""A half cosine from the learning rate to 0 over the training, after a linear warm-up.

rate * (1 + cos(pi t / T)) / 2: Loshchilov and Hutter, "SGDR" (2017), without restarts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras
    import numpy as np


class Config(Settings):
    """Length of the warm-up."""

    warmup: int = Field(0, ge=0)
    """Epochs in which it rises from zero."""


def build(
    config: Config, rate: float, epochs: int, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the Keras schedule."""
    import keras

    warm = config.warmup * steps
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warm else rate,
        decay_steps=epochs * steps - warm,
        warmup_target=rate if warm else None,
        warmup_steps=warm,
    )


def rates(config: Config, rate: float, epochs: int, steps: int, step: np.ndarray) -> np.ndarray:
    """Return the rate of each step."""
    import numpy as np

    warm = config.warmup * steps
    done = np.clip((step - warm) / (epochs * steps - warm), 0, 1)
    cosine = rate * (1 + np.cos(np.pi * done)) / 2
    return np.where(step < warm, rate * step / max(warm, 1), cosine)
