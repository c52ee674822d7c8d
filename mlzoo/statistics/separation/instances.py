"""Scores of instances, from counts of each image, so that images can be left out.

A predicted instance is found right where it overlaps a true one by more than a threshold of the
intersection over union; above .5 at most one can. With TP, FP and FN the pairs and what is left
on either side, average precision is TP / (TP + FP + FN), without a ranking by confidence, as in the
Data Science Bowl 2018 (Caicedo et al., Nucleus segmentation across imaging experiments, Nature
Methods 16, 2019); the mean is taken over thresholds .5, .55, ..., .95. Counts are summed over the
images first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlzoo.statistics.metrics import number
from mlzoo.statistics.pixels import Counts
from mlzoo.statistics.scorers import Array, ratio

THRESHOLDS = np.arange(50, 100, 5) / 100


@dataclass(frozen=True)
class InstanceCounts(Counts):
    """Counts of n images, of pixels and of instances."""

    matches: Array
    """(n, thresholds, 3) int64: pairs, predicted ones without a pair, true ones without one."""


def count(truth: Array, predicted: Array) -> Array:
    """Return one image's pairs, false and missed instances at each threshold, (thresholds, 3).

    Args:
        truth: (height, width) ids, 0 where there is no instance.
        predicted: the same.
    """
    overlaps = overlap(truth, predicted)[2]
    best = overlaps.max(axis=1, initial=0)
    pairs = (best > THRESHOLDS[:, None]).sum(axis=1)
    true, detected = overlaps.shape
    return np.stack([pairs, detected - pairs, true - pairs], axis=1).astype("int64")


def overlap(truth: Array, predicted: Array) -> tuple[Array, Array, Array]:
    """Return the ids (t,) and (p,) of true and predicted instances, and IoU (t, p) of each pair."""
    true_ids, true_at = np.unique(truth, return_inverse=True)
    found_ids, found_at = np.unique(predicted, return_inverse=True)
    cells = true_at.ravel() * len(found_ids) + found_at.ravel()
    both = np.bincount(cells, minlength=len(true_ids) * len(found_ids))
    both = both.reshape(len(true_ids), len(found_ids))
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    kept = np.ix_(true_ids > 0, found_ids > 0)
    return true_ids[true_ids > 0], found_ids[found_ids > 0], (both / either)[kept]


def average_precision(matches: Array) -> Array:
    """Return TP / (TP + FP + FN) of counts (..., 3); NaN where there is no instance."""
    return ratio(matches[..., 0], matches.sum(axis=-1))


def table(matches: Array) -> list[dict[str, float | int | None]]:
    """Return a row for each threshold from counts (n, thresholds, 3) of n images."""
    total = matches.sum(axis=0)
    pairs, false, missed = total.T
    columns = {
        "average_precision": average_precision(total),
        "precision": ratio(pairs, pairs + false),
        "recall": ratio(pairs, pairs + missed),
    }
    return [
        {
            "iou": float(threshold),
            **{name: number(values[i]) for name, values in columns.items()},
            "found": int(pairs[i]),
            "false": int(false[i]),
            "missed": int(missed[i]),
        }
        for i, threshold in enumerate(THRESHOLDS)
    ]
