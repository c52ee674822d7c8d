"""Metrics followed in training: of labels, and of pixels and steps, ignored ones left out."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from mlzoo.data.specs import IGNORED
from mlzoo.losses._pixels import as_pixels, is_mixed


def pixel_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Share of the pixels that count whose class is right, of each image: (batch,).

    Args:
        y_true: (batch, height, width) or (batch, steps) class positions, `IGNORED` where one does
            not count; or shares (batch, height, width, classes).
        y_pred: (batch, height, width, classes) or (batch, steps, classes) probabilities.
    """
    y_true, y_pred = as_pixels(_whole(y_true, y_pred), y_pred)
    labels = ops.cast(y_true, "int32")
    counts = ops.cast(ops.not_equal(labels, IGNORED), "float32")
    right = ops.cast(ops.equal(ops.cast(ops.argmax(y_pred, axis=-1), "int32"), labels), "float32")
    return ops.sum(right * counts, axis=(1, 2)) / ops.maximum(ops.sum(counts, axis=(1, 2)), 1.0)


def _whole(y_true: Any, y_pred: Any) -> Any:
    """Positions, of shares of classes those of the largest; `IGNORED` where there are none."""
    if not is_mixed(y_true, y_pred):
        return y_true
    return ops.where(ops.sum(y_true, axis=-1) > 0, ops.argmax(y_true, axis=-1), IGNORED)


def mean_iou(y_true: Any, y_pred: Any) -> Any:
    """Intersection over union of each image's own classes, their mean: (batch,).

    The classes are those in the image's truth or prediction; 1 where no pixel counts.

    Args:
        y_true: (batch, height, width) or (batch, steps) class positions, `IGNORED` where one does
            not count; or shares (batch, height, width, classes).
        y_pred: (batch, height, width, classes) or (batch, steps, classes) probabilities.
    """
    y_true, y_pred = as_pixels(_whole(y_true, y_pred), y_pred)
    classes = y_pred.shape[-1]
    labels = ops.cast(y_true, "int32")
    counts = ops.cast(ops.not_equal(labels, IGNORED), "float32")
    truth = ops.one_hot(labels, classes, dtype="float32")
    chosen = ops.one_hot(ops.argmax(y_pred, axis=-1), classes, dtype="float32")
    both = ops.sum(truth * chosen, axis=(1, 2))
    either = ops.sum(truth + chosen * counts[..., None], axis=(1, 2)) - both
    present = ops.cast(either > 0, "float32")
    number = ops.sum(present, axis=-1)
    mean = ops.sum(both / ops.maximum(either, 1.0), axis=-1) / ops.maximum(number, 1.0)
    return ops.where(number > 0, mean, 1.0)


def field_mae(y_true: Any, y_pred: Any) -> Any:
    """Mean absolute error of the fields of each image, NaN truths left out: (batch,).

    Args:
        y_true: (batch, height, width, fields) or (batch, steps, fields), NaN where a value does
            not count.
        y_pred: the same shape.
    """
    known = ops.logical_not(ops.isnan(y_true))
    error = ops.abs(ops.where(known, y_true - y_pred, 0.0))
    axes = tuple(range(1, len(y_pred.shape)))
    count = ops.sum(ops.cast(known, "float32"), axis=axes)
    return ops.sum(error, axis=axes) / ops.maximum(count, 1.0)


def label_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Share of the labels of each sample that are right, from a half on: (batch,).

    Args:
        y_true: (batch, labels) zeros and ones, or shares of mixed samples.
        y_pred: (batch, labels) probabilities.
    """
    same = ops.equal(y_true > 0.5, y_pred > 0.5)
    return ops.mean(ops.cast(same, "float32"), axis=-1)


def as_metric(function: Any, name: str) -> keras.metrics.Metric:
    """A Keras metric that is the mean of a function over the samples."""
    return keras.metrics.MeanMetricWrapper(function, name=name, dtype="float32")
