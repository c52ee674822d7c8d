"""Cross-entropy of one class a sample, and accuracy.

Targets of classes may be positions or one-hot; a model with one unit predicts the probability of
the second of two classes. `_pixels` has the losses of pixels and steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

_EPSILON = 1e-7


def _one_hot(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Targets and probabilities with one entry a class, both (..., classes).

    One predicted unit p becomes the pair (1 - p, p).
    """
    y_pred = ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if y_pred.shape[-1] == 1:
        y_pred = ops.concatenate([1 - y_pred, y_pred], axis=-1)
    if len(y_true.shape) < len(y_pred.shape):
        y_true = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1])
    return ops.cast(y_true, y_pred.dtype), y_pred


def focal_crossentropy(p: Any, gamma: float) -> Any:
    """-(1 - p)^gamma log p of each p, the probability of the true class, held over 1e-7."""
    p = ops.clip(p, _EPSILON, 1.0)
    if gamma == 0:
        return -ops.log(p)
    # Where p is 1 the base of the power is held over 0, since the gradient of 0^gamma is infinite
    # for gamma < 1.
    return -ops.power(ops.maximum(1.0 - p, _EPSILON), gamma) * ops.log(p)


@keras.saving.register_keras_serializable(package="mlzoo")
class Focal(keras.losses.Loss):
    """Focal loss -alpha (1 - p)^gamma log p, with p the probability of the true class.

    Lin et al., "Focal Loss for Dense Object Detection" (2017). gamma 0 is cross-entropy.

    Args:
        gamma: focusing exponent, at least 0; large values ignore what is already right.
        alpha: one weight for all classes, or one a class (two classes: negative, positive).
        smoothing: share of each target that all classes have in equal parts, in [0, 1).
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | Sequence[float] = 1.0,
        name: str = "focal",
        smoothing: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.gamma = gamma
        self.alpha = alpha
        self.smoothing = smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each position; y_pred (batch, ..., units)."""
        y_true, y_pred = _one_hot(y_true, y_pred)
        if self.smoothing:
            y_true = (1 - self.smoothing) * y_true + self.smoothing / y_pred.shape[-1]
        alpha = ops.cast(self.alpha, y_pred.dtype)
        return ops.sum(alpha * y_true * focal_crossentropy(y_pred, self.gamma), axis=-1)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        settings = {"gamma": self.gamma, "alpha": self.alpha, "smoothing": self.smoothing}
        return {**super().get_config(), **settings}


def class_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Share of the samples whose most probable class is that of their target: (batch,).

    Args:
        y_true: positions (batch,) or (batch, 1), or shares of classes (batch, classes).
        y_pred: probabilities (batch, classes), or (batch, 1) of the second of two.
    """
    y_true, y_pred = _one_hot(y_true, y_pred)
    same = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.cast(same, "float32")
