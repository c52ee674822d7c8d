"""The usual head of a model, by the kind of target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlzoo.data.contracts import Task
from mlzoo.data.specs import Outputs

if TYPE_CHECKING:
    import keras


class HeadedTask(Task):
    """Task whose models end in an output layer and a final activation."""

    def logits(
        self, outputs: Outputs, features: keras.KerasTensor, units: int, name: str, **settings: Any
    ) -> keras.KerasTensor:
        """Return the output layer; see `Task`."""
        from mlzoo.layers import heads

        return heads.logits(outputs, features, units, name, **settings)

    def finish(self, outputs: Outputs, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return probabilities of classes, or numbers in the units of the targets."""
        from mlzoo.layers import heads

        return heads.finish(outputs, logits)
