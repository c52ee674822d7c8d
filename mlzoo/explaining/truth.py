"""Maps against where the evidence truly is, as masks say."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlzoo.data.inputs import existing, image_files
from mlzoo.errors import DataError


def read_truth(folder: str, name: str, size: tuple[int, ...]) -> np.ndarray | None:
    """The mask of an image, of truth values (height, width); None where the folder has none.

    A mask belongs to the image whose file name, without suffix, it shares.

    Raises:
        DataError: it can't be read.
    """
    import cv2

    stem = Path(name).stem
    found = next((f for f in image_files(existing(folder)) if f.stem == stem), None)
    if found is None:
        return None
    mask = cv2.imread(str(found), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise DataError(f"{found} can't be read as a mask")
    sized = cv2.resize(mask, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return sized > 0


def against_truth(values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How a map (height, width) fits truth values of the same shape.

    Returns:
        `pointing`: 1 where its largest value lies inside (Zhang et al., "Top-down Neural
        Attention by Excitation Backprop", 2018); `mass`: the share of its positive values inside;
        `inside`: the share of pixels that are inside, which is what `mass` is by chance;
        `truth_auc`: the area under the ROC of inside against outside.
    """
    flat, inside = np.asarray(values, "float64").ravel(), truth.ravel()
    positive = np.maximum(flat, 0)
    total = positive.sum()
    largest = flat == flat.max()
    return {
        "pointing": round(float(inside[largest].mean()), 6),
        "mass": round(float(positive[inside].sum() / total) if total else 0.0, 6),
        "inside": round(float(inside.mean()), 6),
        "truth_auc": round(roc_area(flat, inside), 6),
    }


def roc_area(values: np.ndarray, inside: np.ndarray) -> float:
    """The chance that a pixel inside has a larger value than one outside; .5 where all are one."""
    from scipy.stats import rankdata

    positives = int(inside.sum())
    negatives = inside.size - positives
    if not positives or not negatives:
        return 0.5
    total = rankdata(values)[inside].sum() - positives * (positives + 1) / 2
    return float(total / (positives * negatives))
