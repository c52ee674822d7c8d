"""Instances: masks whose values tell one object from the next, as classes of pixels and back.

A network learns three classes: background, the inside of an instance, and its border, the pixels
next to another instance or to the background. After Caicedo et al., Evaluation of deep learning
strategies for nucleus segmentation in fluorescence images, Cytometry Part A 95 (2019), 952-965, who
train a U-Net on the same classes. A watershed of the distance to the border tells the instances
apart, also where a predicted border has gaps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from mlzoo.core.errors import DataError
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.masks.values import MOST_IDS, MaskFile

BACKGROUND, INSIDE, BORDER = range(3)
CLASSES = ClassMap(
    ((BACKGROUND,), (INSIDE * GRAY,), (BORDER * GRAY,)), ("background", "inside", "border")
)
"""Classes of the pixels that stand for instances."""
HANDFUL = 5
"""So many ids in a mask could as well be classes."""
RISE = 0.75
"""Pixels by which two tops of the depth must stand out to be two instances."""
_FOUR, _EIGHT = ndimage.generate_binary_structure(2, 1), np.ones((3, 3), bool)
_EPSILON = 1e-6


def classes_of(ids: np.ndarray) -> np.ndarray:
    """Return the classes (height, width) uint8 of the pixels of instances.

    An instance that is border throughout, being one or two pixels wide, counts as inside.

    Args:
        ids: (height, width) whole numbers, one for each instance; 0 is the background. The
            image's edge is no border.
    """
    low = ndimage.minimum_filter(ids, 3, mode="nearest")
    high = ndimage.maximum_filter(ids, 3, mode="nearest")
    classes = np.where(low == high, INSIDE, BORDER).astype(np.uint8)
    classes[ids == 0] = BACKGROUND
    thin = np.setdiff1d(ids[classes == BORDER], ids[classes == INSIDE])
    classes[np.isin(ids, thin)] = INSIDE
    return classes


def instances_of(classes: np.ndarray) -> np.ndarray:
    """Return instances (height, width) int32, numbered from 1, from the classes of their pixels.

    A watershed of the depth within the inside: seeds are the tops that rise by at least `RISE`
    above the pass to a higher one (h-maxima), and what lies in no reach of a top; pixels are joined
    to their neighbors' seeds from the deepest to the border.

    Args:
        classes: (height, width) positions in `CLASSES`; others, such as 255, are background.

    Source:
        L. Vincent and P. Soille, Watersheds in digital spaces, IEEE Transactions on Pattern
        Analysis and Machine Intelligence 13 (1991), 583-598; L. Vincent, Morphological grayscale
        reconstruction in image analysis, IEEE Transactions on Image Processing 2 (1993), 176-201.
    """
    inside, whole = classes == INSIDE, (classes == INSIDE) | (classes == BORDER)
    # The image's edge is no border: what it cuts goes on beyond it.
    depth = ndimage.distance_transform_edt(np.pad(inside, 1, mode="edge"))[1:-1, 1:-1]
    ids = _tops(depth)
    for part, neighbors in ((inside, _FOUR), (whole, _EIGHT)):
        components, _ = ndimage.label(part, neighbors)
        rest = part & ~np.isin(components, components[ids > 0])
        alone, _ = ndimage.label(rest, neighbors)
        ids = np.where(rest, alone + ids.max(), ids)
    for level in np.arange(np.ceil(depth.max()), -1, -1):
        ids = _grown(ids, whole & (depth >= level))
    numbers = np.unique(ids, return_inverse=True)[1]
    first = int(ids.min() > 0)
    return (numbers.reshape(ids.shape) + first).astype(np.int32)


def _tops(depth: np.ndarray) -> np.ndarray:
    """Return the tops of a depth (height, width), numbered from 1; 0 elsewhere."""
    lower, before = depth - RISE, None
    while before is None or (before != lower).any():
        before = lower
        lower = np.minimum(ndimage.grey_dilation(lower, footprint=_EIGHT), depth)
    rise = depth - lower
    domes, count = ndimage.label((rise > _EPSILON) & (depth > 0), _EIGHT)
    highest = ndimage.maximum(rise, domes, np.arange(1, count + 1)) if count else []
    kept = 1 + np.flatnonzero(np.asarray(highest) >= RISE - _EPSILON)
    return np.where(np.isin(domes, kept), domes, 0)


def _grown(ids: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return instances grown step by step into the pixels of a pool that touch them.

    Neighbors at an edge and at a corner take turns, so that what grows stays round.
    """
    idle, turn = 0, 0
    while idle < 2:
        near = ndimage.grey_dilation(ids, footprint=(_FOUR, _EIGHT)[turn % 2])
        grown = np.where((ids == 0) & pool, near, ids)
        idle = 0 if (grown != ids).any() else idle + 1
        ids, turn = grown, turn + 1
    return ids


def measure(instances: np.ndarray) -> list[dict[str, float | int]]:
    """Return a row for each instance of a mask (height, width).

    Returns:
        `instance` (its number), `area` in pixels, and the centroid's `row` and `column`, of which
        0 and 0 are the center of the first pixel.
    """
    numbers = np.unique(instances[instances > 0])
    areas = np.bincount(instances.ravel())
    centers = ndimage.center_of_mass(instances > 0, instances, numbers)
    return [
        {
            "instance": int(number),
            "area": int(areas[number]),
            "row": round(float(row), 2),
            "column": round(float(column), 2),
        }
        for number, (row, column) in zip(numbers, centers, strict=True)
    ]


def are_ids(masks: Mapping[str, MaskFile]) -> bool:
    """Return whether the values of masks are ids of instances rather than classes.

    Each mask then has gray levels 0, 1, 2, ... without a gap, up to a number that differs from
    mask to mask, and half of the masks have more than a handful. Classes leave gaps in images
    that lack some of them.
    """
    files = list(masks.values())
    counts = [mask.distinct - (0 in mask.values) for mask in files]
    return (
        all(_consecutive(mask) for mask in files)
        and float(np.median(counts)) > HANDFUL
        and len({*counts}) > 1
    )


def _consecutive(mask: MaskFile) -> bool:
    levels = {value // GRAY for value in mask.values} | {0}
    return (
        not (mask.colored or mask.lossy or mask.palette)
        and bool(mask.values)
        and levels == {*range(len(levels))}
    )


def check_ids(ids: np.ndarray, what: str) -> np.ndarray:
    """Return ids of instances of an array, (n, height, width) uint16.

    Args:
        ids: (n, height, width) or (n, height, width, 1) whole numbers.
        what: the array's name, for messages.

    Raises:
        DataError: other numbers, or no instance.
    """
    ids = ids[..., 0] if ids.ndim == 4 and ids.shape[-1] == 1 else ids
    whole = ids.dtype.kind in "biu" or (ids.dtype.kind == "f" and bool((ids % 1 == 0).all()))
    if ids.ndim != 3 or not whole or ids.min(initial=0) < 0 or ids.max(initial=0) > MOST_IDS:
        raise DataError(
            f"{what}: ids of instances are whole numbers (n, height, width) from 0, the "
            f"background, to {MOST_IDS}, got {ids.shape} {ids.dtype}"
        )
    if not ids.any():
        raise DataError(f"{what}: all pixels are 0, the background, so there is no instance")
    return ids.astype(np.uint16)
