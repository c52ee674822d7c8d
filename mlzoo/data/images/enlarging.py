"""Outputs of a resized image brought back to the image's own size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mlzoo.data.masks.operating_point import most_probable

ENLARGED = 1 << 22
"""Numbers that are brought to an image's own size at once: 16 MB."""


def in_size(
    outputs: np.ndarray,
    size: tuple[int, int],
    classes: bool,
    keep: bool,
    decide: Callable[[np.ndarray], np.ndarray] = most_probable,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Outputs (h, w, k) in another (height, width): the mask or the fields, and all if wanted.

    The mask is taken from the enlarged outputs by `decide`, so that it agrees with them at every
    pixel.
    """
    values, kept = [], []
    for strip in _enlarge(outputs, size):
        values.append(decide(strip) if classes else strip)
        if keep:
            kept.append(strip)
    return np.concatenate(values), np.concatenate(kept) if keep else None


def _enlarge(outputs: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Outputs (h, w, k) interpolated to (height, width), some rows at a time, float32."""
    (tops, bottoms, down), (lefts, rights, right) = map(_between, outputs.shape, size)
    rows = max(1, ENLARGED // (size[1] * outputs.shape[-1]))
    for start in range(0, size[0], rows):
        some = slice(start, start + rows)
        share = down[some, None, None]
        strip = (1 - share) * outputs[tops[some]] + share * outputs[bottoms[some]]
        yield (1 - right)[:, None] * strip[:, lefts] + right[:, None] * strip[:, rights]


def _between(have: int, wanted: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each wanted pixel the two at hand that it lies between, and the second one's share."""
    place = np.clip((np.arange(wanted) + 0.5) * have / wanted - 0.5, 0, have - 1)
    first = place.astype(int)
    return first, np.minimum(first + 1, have - 1), (place - first).astype("float32")
