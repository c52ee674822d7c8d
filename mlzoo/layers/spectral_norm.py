"""Layers whose kernel is divided by its largest singular value.

Miyato, Kataoka, Koyama and Yoshida, "Spectral normalization for generative adversarial networks"
(2018): a step of the power method in each training call follows the singular value, and gradients
go through the division. `keras.layers.SpectralNormalization` overwrites the kernel instead, so that
gradients go through the division on JAX and past it on TensorFlow, and does not divide when it
predicts.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class _SpectralNorm(keras.layers.Layer):
    """Division of a layer's kernel (..., outputs), to be put before the layer's class."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the estimate of the left singular vector, which is not trained."""
        super().build(input_shape)
        self.vector = self.add_weight(
            (self.kernel.shape[-1],),
            keras.initializers.RandomNormal(seed=0),
            dtype="float32",
            autocast=False,
            trainable=False,
            name="vector",
        )

    def save_own_variables(self, store: Any) -> None:
        """Save the estimate beside the kernel and bias, which are all that layers of Keras save."""
        super().save_own_variables(store)
        store["vector"] = self.vector

    def load_own_variables(self, store: Any) -> None:
        """Load what was saved."""
        super().load_own_variables(store)
        self.vector.assign(store["vector"])

    def divided_kernel(self, training: bool) -> Any:
        """Return the kernel divided by its norm; in training the estimate takes a step."""
        kernel = ops.cast(self.kernel, "float32")
        rows = ops.reshape(kernel, (-1, kernel.shape[-1]))
        vector = ops.convert_to_tensor(self.vector)
        left = _unit(ops.matmul(ops.stop_gradient(rows), vector))
        vector = _unit(ops.matmul(left, ops.stop_gradient(rows)))
        if training:
            self.vector.assign(vector)
        norm = ops.sum(left * ops.matmul(rows, vector))
        return ops.cast(kernel / (norm + 1e-12), self.compute_dtype)


def _unit(vector: Any) -> Any:
    return vector / (ops.sqrt(ops.sum(ops.square(vector))) + 1e-12)


@keras.saving.register_keras_serializable(package="mlzoo")
class SpectralNormDense(_SpectralNorm, keras.layers.Dense):
    """Dense layer of spectral norm 1, without an activation."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs (batch, units)."""
        return ops.matmul(inputs, self.divided_kernel(training)) + self.bias


@keras.saving.register_keras_serializable(package="mlzoo")
class SpectralNormConv2D(_SpectralNorm, keras.layers.Conv2D):
    """Convolution whose kernel, as a matrix (places and channels, filters), has spectral norm 1."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return feature maps (batch, height, width, filters)."""
        return self.convolution_op(inputs, self.divided_kernel(training)) + self.bias
