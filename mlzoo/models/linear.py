"""Linear, logistic or softmax regression, also on polynomials of the inputs.

The model of Legendre and Gauss for numbers (least squares) and of Cox (1958) for classes: one
Dense layer on the inputs, or on their monomials up to a degree, interactions included. It differs
from the textbook in how it is fitted: by the optimizer of the run, from zero weights (the problem
is convex, so the start decides nothing but the time).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.errors import UsageError
from mlzoo.core.setting_types import searched
from mlzoo.data.specs import Inputs, Outputs

if TYPE_CHECKING:
    import keras

_MOST_MONOMIALS = 50_000


AUTO = ("table",)
TARGETS = ("classes per sample", "numbers per sample", "numbers per horizon")


class Config(Settings):
    """Settings of linear."""

    degree: int = Field(1, ge=1, le=15)
    """Degree of the polynomial; 2 adds squares and products of two inputs."""
    l1: float = Field(0.0, ge=0)
    """Penalty on the absolute weights (lasso)."""
    l2: float = Field(0.0, ge=0, json_schema_extra=searched(1e-6, 1e-1, log=True))
    """Penalty on the squared weights (ridge)."""


def build(config: Config, inputs: Inputs, outputs: Outputs) -> keras.Model:
    """Return the model, from (batch, *inputs.shape) to (batch, outputs.units).

    Args:
        config: the model's settings.
        inputs: specification of the samples.
        outputs: specification of the predictions.

    Raises:
        UsageError: the inputs have too many monomials of that degree.
    """
    import keras

    from mlzoo.layers.blocks import flat, regularizer
    from mlzoo.layers.polynomial import Polynomial, monomial_count

    tensor, scaled = inputs.start()
    features = flat(scaled)
    if config.degree > 1:
        count = monomial_count(features.shape[-1], config.degree)
        if count > _MOST_MONOMIALS:
            raise UsageError(
                f"linear: degree {config.degree} makes {count:,} monomials of "
                f"{features.shape[-1]} inputs, more than {_MOST_MONOMIALS:,}; "
                "lower the degree, or use mlp"
            )
        features = Polynomial(config.degree, name="polynomial")(features)
    output = outputs.head(
        features,
        kernel_initializer="zeros",
        kernel_regularizer=regularizer(config.l1, config.l2),
    )
    return keras.Model(tensor, output, name="linear")
