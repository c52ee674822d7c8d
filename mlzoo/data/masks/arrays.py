"""Arrays of images with a mask or fields for each: what stands at every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.masks.classes import choose_classes
from mlzoo.data.masks.instances import CLASSES, check_ids, classes_of
from mlzoo.data.masks.pairs import empty_masks
from mlzoo.data.masks.quality import rare_classes
from mlzoo.data.masks.reader import GRAY, ClassMap
from mlzoo.data.masks.values import MaskFile, encode
from mlzoo.data.quality.digests import row_digests


class DenseFields(TypedDict):
    """Fields of `Samples` that targets at every pixel decide."""

    targets: np.ndarray
    task: str
    class_names: tuple[str, ...]
    target_names: tuple[str, ...]
    target_hashes: np.ndarray
    pixels: np.ndarray | None
    instances: np.ndarray | None


@dataclass(frozen=True)
class DenseTargets:
    """Targets at every pixel of n images.

    Attributes:
        targets, task, class_names, target_names, target_hashes, pixels, instances: as of `Samples`.
        classes: of masks; None of fields.
        notes: what was inferred.
        warnings: what was odd about them.
    """

    targets: np.ndarray
    task: str
    target_names: tuple[str, ...]
    target_hashes: np.ndarray
    class_names: tuple[str, ...] = ()
    pixels: np.ndarray | None = None
    instances: np.ndarray | None = None
    classes: ClassMap | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def sample_fields(self) -> DenseFields:
        """Return the fields that `Samples` has too, but for notes and warnings."""
        return {
            "targets": self.targets,
            "task": self.task,
            "class_names": self.class_names,
            "target_names": self.target_names,
            "target_hashes": self.target_hashes,
            "pixels": self.pixels,
            "instances": self.instances,
        }


def is_dense(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether targets stand at every pixel of images: equal heights and widths."""
    return x.ndim in (3, 4) and y.ndim in (3, 4) and x.shape[:3] == y.shape[:3]


def are_masks(y: np.ndarray) -> bool:
    """Return whether targets at every pixel look like masks: one whole number at each."""
    if y.dtype.kind not in "biuf" or (y.ndim == 4 and y.shape[-1] != 1):
        return False
    return y.dtype.kind != "f" or bool((np.floor(y) == y).all() and np.isfinite(y).all())


def count_masks(y: np.ndarray, what: str) -> tuple[np.ndarray, dict[str, MaskFile]]:
    """Masks of an array as (n, height, width) int32, and what each holds, by name.

    Args:
        y: (n, height, width) or (n, height, width, 1) whole numbers from 0 to 255.
        what: the array's name, for messages.

    Raises:
        DataError: other numbers.
    """
    y = y[..., 0] if y.ndim == 4 and y.shape[-1] == 1 else y
    if y.ndim != 3 or y.dtype.kind not in "biuf":
        raise DataError(
            f"{what}: masks are (n, height, width) whole numbers, got {y.shape} {y.dtype}; "
            "save one-hot masks as np.argmax(masks, axis=-1)"
        )
    if not are_masks(y) or y.min(initial=0) < 0 or y.max(initial=0) > 255:
        raise DataError(
            f"{what}: masks hold whole numbers from 0 to 255, but these {y.dtype} values run from "
            f"{y.min()} to {y.max()} (fields of numbers: --task regression)"
        )
    whole = y.astype(np.int32)
    return whole, {f"sample {i}": _mask_file(mask) for i, mask in enumerate(whole)}


def encode_masks(
    whole: np.ndarray, counted: dict[str, MaskFile], classes: ClassMap
) -> tuple[np.ndarray, np.ndarray]:
    """Class positions (n, height, width) uint8, and pixels of each class (n, k)."""
    positions = np.stack([encode(classes, mask * GRAY) for mask in whole])
    return positions, np.array([classes.counts(mask.values) for mask in counted.values()])


def _mask_file(mask: np.ndarray) -> MaskFile:
    counts = np.bincount(mask.ravel(), minlength=256)
    values = {int(v) * GRAY: int(counts[v]) for v in np.flatnonzero(counts)}
    height, width = mask.shape
    return MaskFile(height, width, values, len(values))


def dense_masks(
    y: np.ndarray,
    what: str,
    ignore: Sequence[int],
    threshold: int | None,
    listed: Sequence[tuple[int | None, str]] = (),
) -> DenseTargets:
    """Return the targets that masks are.

    Args:
        y: as of `count_masks`.
        what: the array's name, for messages.
        ignore: values that do not count.
        threshold: values from this on are the second class.
        listed: value and name of each class, of a classes.txt.

    Raises:
        DataError: as `count_masks`; values that can't be classes.
    """
    whole, counted = count_masks(y, what)
    flags = "--source-set threshold=, ignore="
    classes, notes = choose_classes(counted, listed, ignore, threshold, flags)
    positions, pixels = encode_masks(whole, counted, classes)
    warnings = empty_masks(list(counted), pixels, classes.names)
    if threshold is None and not listed:
        warnings += rare_classes(counted, classes, "correct the masks")
    return DenseTargets(
        targets=positions,
        task="segmentation",
        class_names=classes.names,
        target_names=("mask",),
        pixels=pixels,
        target_hashes=row_digests(positions),
        classes=classes,
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def dense_instances(y: np.ndarray, what: str) -> DenseTargets:
    """Return the targets that masks of instances are.

    Args:
        y: (n, height, width) ids, 0 where there is no instance.
        what: the array's name, for messages.

    Raises:
        DataError: as `check_ids`.
    """
    ids = check_ids(y, what)
    positions = np.stack([classes_of(mask) for mask in ids])
    counts = np.array([len(np.unique(mask[mask > 0])) for mask in ids])
    return DenseTargets(
        targets=positions,
        task="instances",
        class_names=CLASSES.names,
        target_names=("mask",),
        pixels=np.stack([(positions == k).sum(axis=(1, 2)) for k in range(3)], axis=1),
        instances=ids,
        target_hashes=row_digests(ids),
        classes=CLASSES,
        notes=(
            f"masks: values number instances, {np.median(counts):.0f} in the middle one of "
            f"{len(counts)} masks and up to {counts.max()} (--task)",
        ),
    )


def dense_fields(y: np.ndarray, what: str) -> DenseTargets:
    """The same of fields, (n, height, width, k) numbers, NaN where a value does not count.

    Raises:
        DataError: text; infinite values, or a field that is all NaN; one-hot masks.
    """
    if y.dtype.kind not in "biuf":
        raise DataError(f"{what}: fields are numbers, got {y.dtype}")
    if y.ndim == 4 and y.shape[-1] > 1 and _one_hot(y):
        raise DataError(
            f"{what}: targets of shape {y.shape} are one-hot masks; save them as "
            "np.argmax(masks, axis=-1)"
        )
    fields = (y if y.ndim == 4 else y[..., None]).astype(np.float32)
    if np.isinf(fields).any() or np.isnan(fields).all(axis=(0, 1, 2)).any():
        raise DataError(f"{what}: a field holds infinite values, or nothing but NaN")
    count = fields.shape[-1]
    missing = float(np.isnan(fields).mean())
    note = f"fields: {count} at every pixel, {missing:.1%} of the values NaN, which don't count"
    return DenseTargets(
        targets=fields,
        task="fields",
        target_names=tuple(f"field{i}" for i in range(count)) if count > 1 else ("field",),
        target_hashes=row_digests(fields),
        notes=(note,),
    )


def _one_hot(y: np.ndarray) -> bool:
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=-1) == 1).all())
