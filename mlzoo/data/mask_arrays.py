"""Arrays of images with a mask or fields for each: what stands at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlzoo.data.digests import row_digests
from mlzoo.data.headers import BadFileError
from mlzoo.data.mask_classes import choose_classes
from mlzoo.data.mask_pairs import empty_masks
from mlzoo.data.mask_values import GRAY, ClassMap, MaskFile
from mlzoo.errors import DataError


def is_dense(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether targets stand at every pixel of images: equal heights and widths."""
    return x.ndim in (3, 4) and y.ndim in (3, 4) and x.shape[:3] == y.shape[:3]


def masks_of(
    y: np.ndarray, what: str, known: ClassMap | None = None
) -> tuple[np.ndarray, ClassMap, np.ndarray, list[str]]:
    """Masks of an array: class positions, the classes, pixels of each class, and sentences.

    Args:
        y: (n, height, width) or (n, height, width, 1) whole numbers from 0 to 255.
        what: the array's name, for messages.
        known: the classes of the training data; by default they follow from the values.

    Raises:
        DataError: other numbers, or values that are no class.
    """
    y = y[..., 0] if y.ndim == 4 and y.shape[-1] == 1 else y
    if y.ndim != 3 or y.dtype.kind not in "biuf":
        raise DataError(f"{what}: masks are (n, height, width) whole numbers, got {y.shape}")
    whole = y.astype(np.int32)
    if (y.dtype.kind == "f" and not np.array_equal(whole, y)) or whole.min() < 0:
        raise DataError(f"{what}: masks hold whole numbers from 0 to 255, got {y.min()} {y.dtype}")
    if whole.max() > 255:
        raise DataError(f"{what}: masks hold values up to {whole.max()}; at most 255 can be told")
    examined = {f"sample {i}": _mask_file(mask) for i, mask in enumerate(whole)}
    classes, notes = (known, []) if known is not None else choose_classes(examined)
    try:
        positions = np.stack([classes.encode(mask * GRAY) for mask in whole])
    except BadFileError as error:
        raise DataError(f"{what}: a mask {error}") from None
    pixels = np.array([classes.counts(mask.values) for mask in examined.values()])
    return positions, classes, pixels, notes


def _mask_file(mask: np.ndarray) -> MaskFile:
    counts = np.bincount(mask.ravel(), minlength=256)
    values = {int(v) * GRAY: int(counts[v]) for v in np.flatnonzero(counts)}
    height, width = mask.shape
    return MaskFile(height, width, values, len(values))


def dense_fields(x: np.ndarray, y: np.ndarray, what: str, float_task: bool) -> dict[str, Any]:
    """The fields of `Samples` that targets at every pixel decide.

    Whole numbers are masks, or whatever `float_task` is not; others are fields, (n, height,
    width, k), NaN where a value does not count.

    Raises:
        DataError: as `masks_of`; fields that are infinite or all NaN.
    """
    names: Sequence[str] = [f"sample {i}" for i in range(len(x))]
    if not float_task:
        positions, classes, pixels, notes = masks_of(y, what)
        return {
            "targets": positions,
            "task": "segmentation",
            "class_names": classes.names,
            "target_names": ("mask",),
            "pixels": pixels,
            "target_hashes": row_digests(positions),
            "classes": classes,
            "notes": notes,
            "warnings": empty_masks(names, pixels, classes.names),
        }
    fields = (y if y.ndim == 4 else y[..., None]).astype(np.float32)
    if np.isinf(fields).any() or np.isnan(fields).all():
        raise DataError(f"{what}: fields hold infinite values, or nothing but NaN")
    count = fields.shape[-1]
    missing = float(np.isnan(fields).mean())
    note = f"fields: {count} at every pixel, {missing:.1%} of the values NaN, which don't count"
    return {
        "targets": fields,
        "task": "fields",
        "class_names": (),
        "target_names": tuple(f"field{i}" for i in range(count)) if count > 1 else ("field",),
        "pixels": None,
        "target_hashes": row_digests(fields),
        "classes": None,
        "notes": [note],
        "warnings": [],
    }
