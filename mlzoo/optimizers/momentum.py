"""Gradient descent with momentum (Polyak 1964): each step adds a share of the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 0.01


class Config(Settings):
    """Share of the last step that is kept."""

    momentum: float = Field(0.9, ge=0, lt=1)
    """Share of the last step that is added."""


def build(config: Config, learning_rate: Any, **common: Any) -> keras.Optimizer:
    """Return the Keras optimizer."""
    import keras

    return keras.optimizers.SGD(learning_rate, momentum=config.momentum, **common)
