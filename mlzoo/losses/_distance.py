"""Loss of models that predict how far a sample lies from normal ones."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class MeanDistance(keras.losses.Loss):
    """Mean of the predicted distances of each sample, whatever the sample; no target is read."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss (batch,) of maps (batch, ...)."""
        return ops.mean(y_pred, axis=tuple(range(1, len(y_pred.shape))))
