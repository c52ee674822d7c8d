"""Losses of semantic segmentation: a class for each pixel, some pixels without one.

Each compares y_true (batch, height, width), whole numbers, the positions of the classes, with
y_pred (batch, height, width, classes), probabilities that sum to 1 over 2 to 255 classes. The
steps of a sequence are pixels of one column: (batch, steps) and (batch, steps, classes). Pixels
where y_true is `IGNORED` don't count: what is predicted there changes nothing. Computed in
float32, one loss a sample: (batch,), 0 for a sample without any pixel that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mlzoo.data.specs import IGNORED
from mlzoo.losses._classes import focal_crossentropy


def is_mixed(y_true: Any, y_pred: Any) -> bool:
    """Return whether truths are shares of classes, one-hot or mixed, in place of positions."""
    return len(y_true.shape) == len(y_pred.shape) == 4


def as_pixels(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Classes of steps, (batch, steps) and (batch, steps, classes), as images of one column."""
    if len(y_pred.shape) == 3:
        return ops.expand_dims(y_true, 2), ops.expand_dims(y_pred, 2)
    return y_true, y_pred


class PixelLoss(keras.losses.Loss):
    """Base of the losses: brings truth and predictions to one form."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each sample, (batch,); see the module for the shapes."""
        y_true, p = as_pixels(y_true, ops.convert_to_tensor(y_pred, "float32"))
        if is_mixed(y_true, p):
            truth = ops.cast(y_true, "float32")
            counts = ops.cast(ops.sum(truth, axis=-1) > 0, "float32")
            return self._compare(truth, p, counts, hard=False)
        labels = ops.cast(y_true, "int32")
        counts = ops.cast(ops.not_equal(labels, IGNORED), "float32")
        # An ignored pixel is of no class: 255 is beyond the last one.
        truth = ops.one_hot(labels, p.shape[-1], dtype="float32")
        return self._compare(truth, p, counts, hard=True)

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        """Loss of each sample.

        Args:
            truth: (batch, height, width, classes), one-hot, all 0 at ignored pixels.
            p: probabilities of the same shape.
            counts: (batch, height, width), 1 where a pixel counts, else 0.
            hard: whether each pixel is of one class alone.
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="mlzoo")
class PixelCrossentropy(PixelLoss):
    """Cross-entropy of pixels, -w (1 - p)^gamma log p with p the true class's probability.

    A mean over the pixels that count. With gamma over 0 it is the focal loss (Lin et al., "Focal
    Loss for Dense Object Detection", 2017). With share under 1 it is the mean over each sample's
    pixels of largest loss alone: top-k loss (Fan et al., "Learning with Average Top-k Loss",
    2017), as online bootstrapping of pixels (Wu et al., "Bridging Category-level and
    Instance-level Semantic Image Segmentation", 2016).

    Probabilities under 1e-7 count as 1e-7, as in Keras; they get no gradient.

    Args:
        gamma: focusing exponent, at least 0.
        weights: one a class, at least 0. As in Keras, the mean divides by the number of pixels,
            not by their weights: twice the weights are twice the loss.
        share: part of the counting pixels of each sample to take the mean over, in (0, 1];
            rounded up to a whole number of pixels.
        smoothing: share of each target that all classes have in equal parts, in [0, 1).
    """

    def __init__(
        self,
        gamma: float = 0.0,
        weights: Sequence[float] | None = None,
        share: float = 1.0,
        name: str = "pixel_crossentropy",
        smoothing: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not 0 < share <= 1:
            raise ValueError(f"share must be over 0 and at most 1, but got {share}")
        self.gamma = gamma
        self.weights = None if weights is None else tuple(float(w) for w in weights)
        self.share = share
        self.smoothing = smoothing

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        if self.smoothing:
            even = self.smoothing / p.shape[-1] * ops.expand_dims(counts, -1)
            truth, hard = (1 - self.smoothing) * truth + even, False
        weighted = truth
        if self.weights is not None:
            if len(self.weights) != p.shape[-1]:
                raise ValueError(
                    f"{len(self.weights)} class weights for {p.shape[-1]} classes: give one a class"
                )
            weighted = truth * ops.cast(self.weights, "float32")
        if hard:  # one logarithm a pixel, not one a class
            losses = focal_crossentropy(ops.sum(truth * p, axis=-1), self.gamma)
            if self.weights is not None:
                losses = losses * ops.sum(weighted, axis=-1)
        else:
            losses = ops.sum(weighted * focal_crossentropy(p, self.gamma), axis=-1)
        number = ops.sum(counts, axis=(1, 2))
        if self.share < 1:
            return self._mean_of_largest(losses, counts, number)
        return ops.sum(losses * counts, axis=(1, 2)) / ops.maximum(number, 1.0)

    def _mean_of_largest(self, losses: Any, counts: Any, number: Any) -> Any:
        # No loss is negative, so that ignored pixels come last.
        losses = ops.where(counts > 0, losses, -1.0)
        ranked = -ops.sort(ops.reshape(-losses, (ops.shape(losses)[0], -1)), axis=-1)
        # In float32 a whole product of the two may come out a little too large.
        picked = ops.ceil(self.share * (1 - 1e-6) * number)
        ranks = ops.cast(ops.arange(ops.shape(ranked)[-1]), "float32")
        among = ops.cast(ranks < picked[:, None], "float32")
        return ops.sum(ranked * among, axis=-1) / ops.maximum(picked, 1.0)

    def get_config(self) -> dict[str, object]:
        """Arguments that rebuild the loss."""
        return {
            **super().get_config(),
            "gamma": self.gamma,
            "weights": self.weights,
            "share": self.share,
            "smoothing": self.smoothing,
        }
