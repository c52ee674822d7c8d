"""Contractive penalty: how much a code changes when a sample does."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

_STEP = 0.01
"""Length of a change in each input, in its scaled units."""
_LEAST = 1e-6
"""Addition to the variance of each number of a code."""


@keras.saving.register_keras_serializable(package="mlzoo")
class Perturbed(keras.layers.Layer):
    """Append samples that are changed at random to a batch in training: (2 * batch, ...).

    Every input is raised or lowered by a small step. Elsewhere the batch is unchanged.

    Args:
        seed: of the changes.
    """

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Append changed samples to x (batch, ...)."""
        if not training:
            return x
        drawn = keras.random.uniform(ops.shape(x), seed=self.seed_generator)
        signs = ops.where(drawn < 0.5, -1.0, 1.0)
        return ops.concatenate([x, x + _STEP * ops.cast(signs, x.dtype)], axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the batch, whose size is open."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="mlzoo")
class Contraction(keras.layers.Layer):
    """Drop the codes of changed samples, and add how far they are from the others as a loss.

    Of changes whose signs are drawn, the mean squared distance of codes, divided by the squared
    step, is the squared Frobenius norm of the encoder's Jacobian (Hutchinson, 1990), up to the
    square of the step. Each number of a code is taken in units of its standard deviation over the
    batch, or codes would shrink in place of being contracted.

    Args:
        weight: of the loss.
    """

    def __init__(self, weight: float, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, codes: Any, training: bool = False) -> Any:
        """Return the codes (batch, n) of codes (2 * batch, n) in training, else all of them."""
        if not training:
            return codes
        kept, changed = ops.split(codes, 2, axis=0)
        spread = ops.var(kept, axis=0) + _LEAST
        apart = ops.mean(ops.square((changed - kept) / _STEP), axis=0)
        self.add_loss(self.weight * ops.sum(apart / spread))
        return kept

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of codes."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "weight": self.weight}
