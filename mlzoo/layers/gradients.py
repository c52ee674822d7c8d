"""Gradients of a compiled model's loss, on every backend."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class GradientRecorder(keras.optimizers.Optimizer):
    """Optimizer that stores the gradients and does not change the weights.

    After `model.train_on_batch(x, y)`, `gradients()` holds those of the loss, penalties included.
    A weight with a constraint is still moved to where the constraint allows.
    """

    def __init__(self, name: str = "gradient_recorder") -> None:
        super().__init__(learning_rate=1.0, name=name)

    def build(self, variables: list[Any]) -> None:
        """Make a slot for each variable."""
        if self.built:
            return
        super().build(variables)
        self._slots = self.add_optimizer_variables(variables, "gradient")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Store one gradient."""
        slot = self._slots[self._get_variable_index(variable)]
        self.assign(slot, keras.ops.cast(gradient, slot.dtype))

    def gradients(self) -> list[np.ndarray]:
        """Return the last gradients, in the order of `model.trainable_variables`.

        A weight that the loss does not depend on has zeros.
        """
        return [keras.ops.convert_to_numpy(slot) for slot in self._slots]

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the optimizer."""
        return {"name": self.name}
