"""Lovász-softmax loss of pixels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlzoo.losses._pixels import PixelLoss


@keras.saving.register_keras_serializable(package="mlzoo")
class Lovasz(PixelLoss):
    """Lovász-softmax: what stands for 1 - IoU between hard masks, extended to probabilities.

    Berman, Triki and Blaschko, "The Lovász-Softmax loss: a tractable surrogate for the
    optimization of the intersection-over-union measure in neural networks" (2018): for each image,
    a mean over the classes that are present in its truth.
    """

    def __init__(self, name: str = "lovasz", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def _compare(self, truth: Any, p: Any, counts: Any, hard: bool) -> Any:
        # Ignored pixels get the least error and so come last, where they weigh nothing.
        errors = ops.where(counts[..., None] > 0, ops.abs(truth - p), -1.0)
        errors, truth = _class_rows(errors), _class_rows(truth)
        order = ops.argsort(ops.stop_gradient(-errors), axis=-1)
        errors = ops.take_along_axis(errors, order, axis=-1)
        steps = _jaccard_steps(ops.take_along_axis(truth, order, axis=-1))
        losses = ops.sum(ops.maximum(errors, 0.0) * ops.stop_gradient(steps), axis=-1)
        present = ops.max(truth, axis=-1)
        return ops.sum(losses * present, axis=-1) / ops.maximum(ops.sum(present, axis=-1), 1.0)


def _class_rows(maps: Any) -> Any:
    """(batch, height, width, classes) as (batch, classes, pixels)."""
    batch, height, width, classes = ops.shape(maps)
    return ops.reshape(ops.transpose(maps, (0, 3, 1, 2)), (batch, classes, height * width))


def _jaccard_steps(truth: Any) -> Any:
    """By how much 1 - IoU grows with each pixel of a row that becomes wrong, from the left.

    The differences of the paper's algorithm 1, each as one fraction: taken between two numbers near
    1 they would lose their digits in large images.
    """
    left = ops.sum(truth, axis=-1, keepdims=True) - ops.cumsum(truth, axis=-1)
    union = left + ops.cumsum(ops.ones_like(truth), axis=-1)
    return ops.where(truth > 0, 1.0 / union, left / (union * ops.maximum(union - 1.0, 1.0)))
