"""Negative log-likelihood of a normal distribution: mean and standard deviation are predicted.

Nix and Weigend, "Estimating the mean and variance of the target probability distribution" (1994).
Of the standardized target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("numbers per sample",)
DISTRIBUTION = True


class Config(Settings):
    """It has no settings."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._distributions import GaussianNll

    return GaussianNll(outputs.std)
