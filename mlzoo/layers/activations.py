"""Activations that Keras lacks, most with one trained parameter per layer."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class AtLeast(keras.constraints.Constraint):
    """Constraint that keeps a weight at or above a minimum."""

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def __call__(self, w: Any) -> Any:
        """Return the weight, raised to the minimum where it is below."""
        return ops.maximum(w, ops.cast(self.minimum, w.dtype))

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the constraint."""
        return {"minimum": self.minimum}


@keras.saving.register_keras_serializable(package="mlzoo")
class TrainableExponent(keras.layers.Layer):
    """x^n for x > 0 and .01 x otherwise, with one exponent n that is trained.

    The gradient in n is ln(x) x^n for x > 0 and 0 otherwise. It is finite everywhere: below 1e-7
    (where x^n is under 1e-7 too) the power is held constant, so that ln never meets 0.

    Input and output: any shape, the same.

    Args:
        start: first value of n, at least `minimum`; 1.4 to 2 is usual.
        minimum: n never gets smaller; over 1 the slope at 0 stays bounded.
    """

    def __init__(self, start: float = 1.7, minimum: float = 1.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if start < minimum:
            raise ValueError(f"the exponent starts at {start}, under its minimum {minimum}")
        self.start = start
        self.minimum = minimum

    def build(self, input_shape: Any) -> None:
        """Make the exponent."""
        self.exponent = self.add_weight(
            name="exponent",
            shape=(),
            initializer=keras.initializers.Constant(self.start),
            constraint=AtLeast(self.minimum),
        )

    def call(self, inputs: Any) -> Any:
        """Apply the activation."""
        positive = ops.maximum(inputs, 1e-7)
        return ops.where(inputs > 0, ops.power(positive, self.exponent), 0.01 * inputs)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "start": self.start, "minimum": self.minimum}


@keras.saving.register_keras_serializable(package="mlzoo")
class TrainableSlope(keras.layers.Layer):
    """x for x > 0 and a x otherwise, with one slope a that is trained.

    This is the channel-shared PReLU of He et al., "Delving Deep into Rectifiers" (2015); the
    `prelu` activation has a slope for every unit (in a convolution: every channel). The slope is
    free, negative ones included.

    Input and output: any shape, the same.

    Args:
        start: first value of a.
    """

    def __init__(self, start: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: Any) -> None:
        """Make the slope."""
        self.slope = self.add_weight(
            name="slope", shape=(), initializer=keras.initializers.Constant(self.start)
        )

    def call(self, inputs: Any) -> Any:
        """Apply the activation."""
        return ops.maximum(inputs, 0) + self.slope * ops.minimum(inputs, 0)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable(package="mlzoo")
class AdaptiveTanh(keras.layers.Layer):
    """tanh(a x), with one slope a that may be trained; in the precision of its input.

    Jagtap, Kawaguchi and Karniadakis, "Adaptive activation functions accelerate convergence in deep
    and physics-informed neural networks" (2020). It is computed by the sigmoid, since `ops.tanh` of
    Keras on JAX has 32 bits whatever its input has.

    Input and output: any shape, the same.

    Args:
        adaptive: train the slope, which starts at 1.
    """

    def __init__(self, adaptive: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.adaptive = bool(adaptive)

    def build(self, input_shape: Any) -> None:
        """Make the slope."""
        if self.adaptive:
            self.slope = self.add_weight(name="slope", shape=(), initializer="ones")

    def call(self, inputs: Any) -> Any:
        """Apply the activation."""
        scaled = self.slope * inputs if self.adaptive else inputs
        return 2 * ops.sigmoid(2 * scaled) - 1

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "adaptive": self.adaptive}
