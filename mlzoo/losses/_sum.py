"""Weighted sum of losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


@keras.saving.register_keras_serializable(package="mlzoo")
class LossSum(keras.losses.Loss):
    """Weighted sum of losses.

    Args:
        losses: of one kind of target.
        weights: one a loss.
    """

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        weights: Sequence[float],
        name: str = "loss_sum",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.losses = list(losses)
        self.weights = [float(weight) for weight in weights]
        if len(self.losses) != len(self.weights):
            raise ValueError(f"{len(self.weights)} weights for {len(self.losses)} losses")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, (batch,)."""
        pairs = zip(self.weights, self.losses, strict=True)
        return sum(weight * loss.call(y_true, y_pred) for weight, loss in pairs)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        return {
            **super().get_config(),
            "losses": [keras.losses.serialize(loss) for loss in self.losses],
            "weights": self.weights,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LossSum:
        """The loss from its own `get_config`."""
        losses = [keras.losses.deserialize(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})
