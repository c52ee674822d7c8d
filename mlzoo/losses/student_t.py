"""Negative log-likelihood of Student's t: mean and standard deviation, with heavy tails.

Outliers pull less than under gaussian_nll (Lange, Little and Taylor, "Robust statistical modeling
using the t distribution", 1989). Of the standardized target.
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
    """Setting of student_t."""

    degrees: float = Field(4.0, gt=2)
    """Degrees of freedom; the more, the closer it is to a normal distribution."""


def build(
    config: Config, outputs: Outputs, class_weights: Any = None, mixed: bool = False
) -> keras.Loss:
    """Return the Keras loss."""
    from mlzoo.losses._distributions import StudentNll

    return StudentNll(outputs.std, config.degrees)
