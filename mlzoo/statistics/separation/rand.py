"""Rand score of cells between membranes: rates the separation of cells, not single pixels.

The foreground-restricted Rand score V^Rand of the ISBI 2012 challenge (Arganda-Carreras et al.,
Crowdsourcing the creation of image segmentation algorithms for connectomics, Frontiers in
Neuroanatomy 9, 2015). With p_ij the share of the true cells' pixels that lie in predicted segment
i and true cell j, s_i = sum_j p_ij and t_j = sum_i p_ij:

    split = sum p_ij^2 / sum t_j^2    lower where true cells are cut into pieces
    merge = sum p_ij^2 / sum s_i^2    lower where true cells are joined
    f     = 2 split merge / (split + merge)

A pixel of a true cell that is predicted as membrane is a segment of its own, as in the
challenge's code (Fiji's `trainableSegmentation.metrics.RandError`, which adds their number to
sum p_ij^2 and to sum s_i^2). To take all of them as one segment instead would count them as
pixels that were joined, and a thick membrane as a merger of all cells along it. Unlike the final
leader board, membranes are not thinned before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np

from mlzoo.statistics.metrics import number
from mlzoo.statistics.scorers import ratio

THRESHOLDS = np.linspace(0.1, 0.9, 17)


def rand_score(truth_cells: np.ndarray, predicted_cells: np.ndarray) -> dict[str, float | None]:
    """Return the Rand score of a binary mask of cells.

    Args:
        truth_cells: (height, width), True in cells, False on membranes. Its 4-connected
            components are the cells; other pixels don't count.
        predicted_cells: the same, predicted.

    Returns:
        `split`, `merge` and `f`, each in (0, 1] with 1 the best; None where truth has no cell.

    Raises:
        ValueError: the masks are not two of one shape.
    """
    return _scores(_sums(_cells(truth_cells), predicted_cells))


def best_rand(
    truth_cells: Iterable[np.ndarray],
    probability: Iterable[np.ndarray],
    thresholds: Sequence[float] | np.ndarray = THRESHOLDS,
) -> dict[str, float | None]:
    """Return the best Rand score of several images over thresholds of the cells' probability.

    As in the challenge, one threshold holds for all images: at each, the sums over pairs of
    pixels are added up over the images, and the threshold of the largest `f` is taken (the lowest
    of several). A threshold that is chosen on the images it is scored on flatters: compare such
    scores only with each other.

    Args:
        truth_cells: masks as in `rand_score`, one an image; read once.
        probability: (height, width) each, the probability that a pixel lies in a cell; a pixel is
            predicted as one where it is above the threshold.
        thresholds: at least one.

    Returns:
        `split`, `merge`, `f` and the `threshold` they belong to; None where truth has no cell.
    """
    sums = np.zeros((len(thresholds), 3))
    for truth, values in zip(truth_cells, probability, strict=True):
        cells = _cells(truth)
        # As Python floats, thresholds are compared in the type of the probabilities.
        sums += [_sums(cells, values > float(threshold)) for threshold in thresholds]
    scores = [_scores(row) for row in sums]
    best = int(np.argmax([score["f"] or 0.0 for score in scores]))
    defined = scores[best]["f"] is not None
    return {**scores[best], "threshold": float(thresholds[best]) if defined else None}


def _cells(mask: np.ndarray) -> np.ndarray:
    """Label the 4-connected components of a mask, int32 from 1; 0 elsewhere."""
    if mask.ndim != 2:
        raise ValueError(f"a mask of shape {mask.shape}, not (height, width)")
    return cv2.connectedComponents(mask.astype("uint8"), connectivity=4, ltype=cv2.CV_32S)[1]


def _sums(cells: np.ndarray, predicted: np.ndarray) -> tuple[int, int, int]:
    """Return n^2 times the sums of p_ij^2, t_j^2 and s_i^2, with n pixels in cells."""
    if cells.shape != predicted.shape:
        raise ValueError(f"masks of shapes {cells.shape} and {predicted.shape}")
    inside = cells > 0
    true, segments = cells[inside].astype("int64"), _cells(predicted)[inside]
    kept = segments > 0
    alone = int(np.count_nonzero(~kept))
    pairs = (true * (int(segments.max(initial=0)) + 1) + segments)[kept]
    both = np.unique(pairs, return_counts=True)[1]
    segment_sizes = np.bincount(segments[kept])
    return _squares(both) + alone, _squares(np.bincount(true)), _squares(segment_sizes) + alone


def _squares(counts: np.ndarray) -> int:
    return int((counts.astype("int64") ** 2).sum())


def _scores(sums: Any) -> dict[str, float | None]:
    both, true, predicted = np.asarray(sums, "float64")
    return {
        "split": number(ratio(both, true)),
        "merge": number(ratio(both, predicted)),
        "f": number(ratio(2 * both, true + predicted)),
    }
