"""Monomials of the inputs, so that a linear model can be a polynomial one."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class Polynomial(keras.layers.Layer):
    """All monomials of the inputs from degree 1 to `degree`, interactions included.

    Two inputs and degree 2 give x1, x2, x1², x1 x2, x2² in this order, which is that of
    scikit-learn's `PolynomialFeatures(include_bias=False)`.

    Input: (batch, n). Output: (batch, C(n + degree, degree) - 1).
    """

    def __init__(self, degree: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.degree = degree

    def call(self, inputs: Any) -> Any:
        """Multiply up, one degree after the other."""
        count = inputs.shape[-1]
        previous: dict[tuple[int, ...], int] = {(i,): i for i in range(count)}
        blocks = [inputs]
        for degree in range(2, self.degree + 1):
            # Every monomial is one of the degree below times one input.
            monomials = list(combinations_with_replacement(range(count), degree))
            lower = ops.take(blocks[-1], [previous[m[:-1]] for m in monomials], axis=-1)
            blocks.append(lower * ops.take(inputs, [m[-1] for m in monomials], axis=-1))
            previous = {m: i for i, m in enumerate(monomials)}
        return ops.concatenate(blocks, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        """Return (batch, number of monomials)."""
        return (*input_shape[:-1], monomial_count(input_shape[-1], self.degree))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "degree": self.degree}


def monomial_count(inputs: int, degree: int) -> int:
    """Return the number of monomials of degree 1 to `degree`."""
    return comb(inputs + degree, degree) - 1
