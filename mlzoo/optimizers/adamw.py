"""AdamW (Loshchilov and Hutter 2019): Adam with weight decay beside the gradient, not within it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

LEARNING_RATE = 1e-3


class Config(Settings):
    """The two running means, what keeps a root from 0, and the decay."""

    weight_decay: float = Field(0.004, ge=0)
    """Share of each weight, times the learning rate, that a step takes away."""
    beta_1: float = Field(0.9, ge=0, lt=1)
    """Decay of the running mean of gradients."""
    beta_2: float = Field(0.999, ge=0, lt=1)
    """Decay of the running mean of squared gradients."""
    epsilon: float = Field(1e-7, ge=0)
    """Added to the root; the paper's epsilon hat."""
    amsgrad: bool = False
    """Divide by the largest running mean so far (Reddi et al. 2018)."""


def build(config: Config, learning_rate: Any, **common: Any) -> keras.Optimizer:
    """Return the Keras optimizer."""
    import keras

    return keras.optimizers.AdamW(learning_rate, **config.model_dump(), **common)
