"""Negative log-likelihood of a normal distribution, times its variance to the power beta.

With it, samples of a large predicted variance are not neglected by the mean: Seitzer, Tavakoli,
Antic and Martius, "On the pitfalls of heteroscedastic uncertainty estimation" (2022). Of the
standardized target; values are no likelihood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import keras

    from mlzoo.data.specs import Outputs

TARGETS = ("numbers per sample",)
DISTRIBUTION = True


class Config(Settings):
    """Setting of beta_nll."""

    beta: float = Field(0.5, ge=0, le=1)
    """Power of the variance: 0 is gaussian_nll, 1 weighs errors as mse does."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._distributions import GaussianNll

    return GaussianNll(outputs.std, config.beta, name="beta_nll")
