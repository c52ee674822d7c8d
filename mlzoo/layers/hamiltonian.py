"""The layer whose outputs are rates of change that conserve an energy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class HamiltonianFlow(keras.layers.Layer):
    """Rates of change (dH/dp, -dH/dq) of states (q, p), whose energy H is a network of tanh layers.

    The gradient of H is written out, layer by layer, so that no backend has to take it.

    Args:
        hidden: units of the hidden layers.
        scales: of the rates, one a number of the state; those of p are below 0.
    """

    def __init__(self, hidden: Sequence[int], scales: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden = [int(units) for units in hidden]
        self.scales = [float(scale) for scale in scales]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights of the energy."""
        widths = [len(self.scales), *self.hidden]
        self.kernels, self.biases = [], []
        for number, (below, units) in enumerate(zip(widths, self.hidden, strict=False), 1):
            self.kernels.append(self.add_weight(shape=(below, units), name=f"kernel{number}"))
            self.biases.append(
                self.add_weight(shape=(units,), initializer="zeros", name=f"bias{number}")
            )
        self.energy_kernel = self.add_weight(shape=(self.hidden[-1], 1), name="energy")

    def call(self, x: Any) -> Any:
        """Return rates (batch, n) of states x (batch, n), whose first half is q."""
        outputs = self._activations(x)
        gradient = (1 - ops.square(outputs[-1])) * ops.transpose(self.energy_kernel)
        for kernel, below in zip(self.kernels[:0:-1], outputs[-2::-1], strict=True):
            gradient = ops.matmul(gradient, ops.transpose(kernel)) * (1 - ops.square(below))
        return self.turned(ops.matmul(gradient, ops.transpose(self.kernels[0])))

    def turned(self, gradient: Any) -> Any:
        """Return the rates for a gradient (batch, n) of the energy."""
        half = len(self.scales) // 2
        swapped = ops.concatenate([gradient[:, half:], gradient[:, :half]], axis=-1)
        return swapped * ops.convert_to_tensor(self.scales, gradient.dtype)

    def energy(self, x: Any) -> Any:
        """Return the energy (batch, 1) of states, up to a factor and a constant."""
        return ops.matmul(self._activations(x)[-1], self.energy_kernel)

    def _activations(self, x: Any) -> list[Any]:
        """Return the outputs of the hidden layers."""
        outputs = []
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = ops.tanh(ops.matmul(x, kernel) + bias)
            outputs.append(x)
        return outputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments."""
        return {**super().get_config(), "hidden": self.hidden, "scales": self.scales}
