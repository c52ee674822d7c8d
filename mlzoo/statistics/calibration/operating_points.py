"""Choice of the operating point of masks of two classes on held-out images.

The threshold is that of the largest IoU of the rarer class over all held-out images together, and
then the smallest component is: the mean over both classes may be largest where next to nothing is
predicted. Whether both help is judged on folds of images that they were not chosen on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlzoo.data.masks.operating_point import EIGHT, MaskRule
from mlzoo.data.specs import IGNORED
from mlzoo.statistics.scorers import Array

LEVELS = 100
"""Thresholds are multiples of one over so many."""
SIZES = (1, 8, 16, 32, 64, 128, 256)
"""Smallest components that are tried, in pixels."""
FOLDS = 5
FEWEST = 8
"""Images or groups below which nothing is chosen by default."""
RARE = 0.1
"""Share of the pixels up to which a class is rare: a threshold of .5 misses most of it."""
Counts = Array
"""(..., 4) true positive, false positive, false negative and true negative pixels."""


@dataclass(frozen=True)
class Choice:
    """An operating point, and what it gained on images that it was not chosen on.

    Attributes:
        rule: chosen on all images.
        before: IoU of the class where the more probable one is decided for.
        after: IoU of rules that were chosen on the other folds.
    """

    rule: MaskRule
    before: float
    after: float


def iou(counts: Counts) -> Array:
    """Return the IoU of the positive class, (...); 1 where it neither occurs nor is predicted."""
    tp, fp, fn, _ = np.moveaxis(np.asarray(counts, "float64"), -1, 0)
    total = tp + fp + fn
    return np.where(total > 0, tp / np.maximum(total, 1), 1.0)


def choose(
    probabilities: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    units: Array,
    positive: int,
    seed: int,
) -> Choice:
    """Return the operating point of the largest IoU of a class, judged on folds.

    Args:
        probabilities: of each image (height, width), of the positive class.
        masks: true classes of each (height, width) uint8, 255 where a pixel doesn't count.
        units: (n,) group of each image, from 0; images of a group are in one fold.
        positive: position of the class, 0 or 1.
        seed: of the folds.
    """
    levels = np.array(
        [_by_level(p, m, positive) for p, m in zip(probabilities, masks, strict=True)]
    )
    known: dict[int, Array] = {}

    def sizes_at(level: int) -> Array:
        """Return the counts (n, SIZES, 4) at a threshold."""
        if level not in known:
            pairs = zip(probabilities, masks, strict=True)
            known[level] = np.array([_by_size(p, m, level, positive) for p, m in pairs])
        return known[level]

    folds = min(FOLDS, int(units.max()) + 1)
    fold = np.random.default_rng([seed, 0x09]).permutation(int(units.max()) + 1)[units] % folds
    left_out = np.zeros(4)
    for each in range(folds):
        rest = fold != each
        level, size = _best(levels, sizes_at, rest) if rest.any() else (LEVELS // 2, 0)
        left_out += sizes_at(level)[~rest, size].sum(axis=0)
    level, size = _best(levels, sizes_at, np.ones(len(levels), bool))
    before = levels[:, LEVELS // 2].sum(axis=0)
    rule = MaskRule(positive, level / LEVELS, SIZES[size])
    return Choice(rule, float(iou(before)), float(iou(left_out)))


def _best(levels: Array, sizes_at: Callable[[int], Array], among: Array) -> tuple[int, int]:
    """Return the positions of the threshold and of the smallest component, of some images."""
    level = int(iou(levels[among].sum(axis=0)).argmax())
    return level, int(iou(sizes_at(level)[among].sum(axis=0)).argmax())


def _by_level(p: Array, mask: Array, positive: int) -> Counts:
    """Return the counts (LEVELS, 4) of an image at each threshold, multiples of 1 / LEVELS."""
    known = mask != IGNORED
    # Compared as `MaskRule.decide` does, so that no pixel is on another side there.
    place = np.searchsorted(np.arange(LEVELS) / LEVELS, p[known].astype("float64"), "right") - 1
    truly = mask[known] == positive
    right, wrong = (np.bincount(place[each], minlength=LEVELS) for each in (truly, ~truly))
    tp, fp = (each[::-1].cumsum()[::-1] for each in (right, wrong))
    return np.stack([tp, fp, right.sum() - tp, wrong.sum() - fp], axis=-1)


def _by_size(p: Array, mask: Array, level: int, positive: int) -> Counts:
    """Return the counts (SIZES, 4) of an image at a threshold, with each smallest component."""
    from scipy import ndimage

    labels, count = ndimage.label(p.astype("float64") >= level / LEVELS, EIGHT)
    size = np.bincount(labels.ravel(), minlength=count + 1)
    known = mask != IGNORED
    truly = known & (mask == positive)
    right = np.bincount(labels[truly], minlength=count + 1)
    wrong = np.bincount(labels[known & ~truly], minlength=count + 1)
    rows = []
    for least in SIZES:
        kept = size >= least
        kept[0] = False
        tp, fp = right[kept].sum(), wrong[kept].sum()
        rows.append([tp, fp, right.sum() - tp, wrong.sum() - fp])
    return np.array(rows)
