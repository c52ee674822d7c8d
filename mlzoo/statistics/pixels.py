"""Scores of semantic segmentation, from counts of each image, so that images can be left out.

Masks are (height, width) uint8 class positions; 255 in a true mask is a pixel that doesn't count.
Counts are summed over the images before a score is taken from them, as the field does (Everingham
et al., The PASCAL Visual Object Classes Challenge: A Retrospective, IJCV 2015), so that a class
that is rare in an image moves the score no more than its pixels do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlzoo.data.specs import IGNORED
from mlzoo.statistics.boundaries import boundary_counts
from mlzoo.statistics.calibration.bins import reliability_table
from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import Array, ClassCounts, mean_defined, precision_of, ratio

_STRIP = 1 << 22  # pixels counted at a time: 32 MB of positions


@dataclass(frozen=True)
class Counts(ClassCounts):
    """Pixel counts of n images and k classes, from which the scores are computed."""

    boundaries: Array
    """(n, k, 4) int64 boundary pixels, as `boundaries.boundary_counts` gives them."""


def count(truth: Array, predicted: Array, classes: int) -> tuple[Array, Array]:
    """Return one image's confusion matrix (k, k) and boundary counts (k, 4), both int64.

    Args:
        truth: (height, width) uint8 class positions, 255 where a pixel doesn't count.
        predicted: (height, width) uint8 class positions.
        classes: k, at most 255.

    Raises:
        ValueError: the masks are not two of one shape, or hold a class that there isn't.
    """
    confusion = confusion_of(truth, predicted, classes)
    return confusion, boundary_counts(truth, predicted, classes)


def stack(counted: Sequence[tuple[Array, Array]]) -> Counts:
    """Stack the counts of one or more images, each as returned by `count`."""
    return Counts(np.stack([c for c, _ in counted]), np.stack([b for _, b in counted]))


def confusion_of(truth: Array, predicted: Array, classes: int) -> Array:
    """Return the confusion matrix (k, k) of two masks: rows are true classes.

    Args:
        truth: (height, width) uint8 class positions, 255 where a pixel doesn't count.
        predicted: (height, width) uint8 class positions.
        classes: k, at most 255.

    Raises:
        ValueError: as in `count`.
    """
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise ValueError(f"masks of shapes {truth.shape} and {predicted.shape}")
    cells = np.zeros((256, 256), "int64")
    rows = max(1, _STRIP // max(1, truth.shape[1]))
    for start in range(0, len(truth), rows):
        strip = slice(start, start + rows)
        pairs = truth[strip].astype("uint16") << 8 | predicted[strip]
        cells += np.bincount(pairs.ravel(), minlength=256 * 256).reshape(256, 256)
    confusion = cells[:classes, :classes]
    if confusion.sum() != cells[:IGNORED].sum():
        raise ValueError(f"masks with class positions beyond the {classes} classes")
    return confusion.copy()


def tables(counts: Counts, class_names: Sequence[str]) -> dict[str, object]:
    """Return what is reported of a segmentation model on n images beside its metrics.

    Returns:
        `per_class` (a row a class: `class`, `iou`, `dice`, `precision`, `recall`, `boundary_f1`,
        `pixels` and `images`: how many pixels are truly of the class and in how many images),
        `confusion` (k lists of k counts over all images; rows are true classes) and, of
        probabilities, `reliability` (`calibration.bins.reliability`).
    """
    return {
        "per_class": _per_class(counts, class_names),
        "confusion": counts.confusion.sum(axis=0).tolist(),
        **reliability_table(counts.bins),
    }


def image_scores(counts: Counts) -> Array:
    """Return the mean IoU of each image, (n,), over the classes in its truth or prediction.

    1 for an image without a pixel that counts: nothing in it is wrong.
    """
    scores = mean_iou(counts.confusion)
    return np.where(np.isnan(scores), 1.0, scores)


def mean_iou(confusion: Array) -> Array:
    """Return the mean IoU of matrices (b, k, k) over the classes that occur or are predicted."""
    return mean_defined(iou(confusion))


def right_of(confusion: Array) -> Array:
    """Return how much of each class is right, (b, k), from matrices (b, k, k)."""
    return np.diagonal(confusion, axis1=1, axis2=2)


def iou(confusion: Array) -> Array:
    """Return the intersection over union of each class, (b, k), from matrices (b, k, k)."""
    right, either = right_of(confusion), confusion.sum(axis=1) + confusion.sum(axis=2)
    return ratio(right, either - right)


def dice(confusion: Array) -> Array:
    """Return the Dice coefficient of each class, (b, k), from matrices (b, k, k)."""
    return ratio(2 * right_of(confusion), confusion.sum(axis=1) + confusion.sum(axis=2))


def precision(confusion: Array) -> Array:
    """Return the precision of each class, (b, k), from matrices (b, k, k)."""
    return precision_of(right_of(confusion), confusion.sum(axis=1), confusion.sum(axis=2))


def recall(confusion: Array) -> Array:
    """Return the recall of each class, (b, k), from matrices (b, k, k)."""
    return ratio(right_of(confusion), confusion.sum(axis=2))


def boundary_f1(boundaries: Array) -> Array:
    """Return F1 (b, k) of counts (b, k, 4); 0 if only one mask has a boundary, NaN if neither."""
    close, predicted, recovered, true = np.moveaxis(boundaries.astype("float64"), -1, 0)
    # 2PR / (P + R) with P = close / predicted and R = recovered / true, in a form that divides by 0
    # only where no boundary pixels match.
    f1 = ratio(2 * close * recovered, close * true + recovered * predicted)
    return np.where((predicted + true > 0) & np.isnan(f1), 0.0, f1)


def _per_class(counts: Counts, class_names: Sequence[str]) -> list[dict[str, object]]:
    confusion = counts.confusion.sum(axis=0, keepdims=True)
    columns = {
        "iou": iou(confusion),
        "dice": dice(confusion),
        "precision": precision(confusion),
        "recall": recall(confusion),
        "boundary_f1": boundary_f1(counts.boundaries.sum(axis=0, keepdims=True)),
    }
    true = counts.confusion.sum(axis=2)
    return [
        {
            "class": name,
            **{metric: number(values[0, i]) for metric, values in columns.items()},
            "pixels": int(true[:, i].sum()),
            "images": int((true[:, i] > 0).sum()),
        }
        for i, name in enumerate(class_names)
    ]


def error_counts(confusion: Array, class_names: Sequence[str]) -> dict[str, list[int]]:
    """Return per-sample counts of pixels or steps: `found_`, `missed_` and `false_` of each class.

    Args:
        confusion: (n, k, k) counts; rows are true classes.
        class_names: of the k classes.
    """
    right = right_of(confusion)
    kinds = {
        "found": right,
        "missed": confusion.sum(axis=2) - right,
        "false": confusion.sum(axis=1) - right,
    }
    return {
        f"{kind}_{name}": each[:, position].astype(int).tolist()
        for position, name in enumerate(class_names)
        for kind, each in kinds.items()
    }
