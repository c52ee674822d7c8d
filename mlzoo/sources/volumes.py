"""Volumes: folders of multi-page TIFF files, or arrays (n, depth, height, width, channels).

A folder holds one folder of volumes a class, or images/ and masks/ with the same file names, also
within train, valid and test; a page is a slice. An .npz, HDF5 or MATLAB file holds inputs and
targets as `x` and `y`, or as --source-set inputs= and targets= say; the axis of channels may lack.
Targets of the volumes' depth, height and width are masks where they are whole numbers, else (or
with `--task regression`) fields (n, depth, height, width, k); others are classes, labels or numbers
of each volume. All volumes have one shape. A volume is held, and given to models, as an image of
its slices one below the other, (depth * height, width, channels): the same numbers in the same
order. 8- and 16-bit values are kept, others become float32 and are standardized.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.setting_types import Levels, TaskName, WordList
from mlzoo.data.specs import target_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from mlzoo.data.samples import Samples


class Config(Settings):
    """Settings of the source volumes."""

    data: str
    """The folder or file."""
    task: TaskName | None = None
    """Kind of the target: classification, ordinal, multilabel or regression; inferred by
    default."""
    class_order: WordList = Field(default_factory=list)
    """Classes of --task ordinal from the lowest to the highest; numbers are in order."""
    inputs: str | None = None
    """Name of the input array within the file; recognized by default."""
    targets: str | None = None
    """Name of the target array within the file; recognized by default."""
    ignore: Levels = ()
    """Values of a mask's voxels that don't count, as 11 or 11,255; by default 255
    beside 0, 1, 2, ..."""
    threshold: int | None = Field(None, ge=1, le=255)
    """Make two classes of masks: values from this on are the second."""
    max_voxels: int = Field(268_435_456, ge=1)
    """Files of more voxels are refused before they are decoded."""

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.threshold is not None and self.ignore:
            raise ValueError("threshold and ignore exclude each other; choose one")
        if self.task is not None:
            target = target_of(self.task)
            if target.per != "sample" or target.is_input:
                raise ValueError(
                    f"task {self.task} is not chosen for volumes; choose classification, ordinal, "
                    "multilabel or regression, and leave it out for masks"
                )
        return self


def recognizes(path: str) -> bool:
    """Return whether it is a folder whose first TIFF file has several pages; pairs are none."""
    folder = expand(path)
    if not folder.is_dir() or (folder / "x.npy").is_file():
        return False
    from mlzoo.data.images.layouts import has_pairs
    from mlzoo.data.volumes.recognizing import has_stacks

    return has_stacks(folder) and not has_pairs(folder)


def load(config: Config, progress: Any = None) -> Samples:
    """Read the volumes into memory, check them, and find out what their targets are."""
    from mlzoo.data.arrays import check_samples, choose_pair, describe, open_archive
    from mlzoo.data.images.layouts import has_masks

    location = expand(config.data)
    if location.is_dir():
        for name in ("inputs", "targets"):
            if getattr(config, name) is not None:
                raise UsageError(f"--source-set {name}: has no effect on a folder of volumes")
        return _masked(config, location) if has_masks(location) else _classes(config, location)
    if "max_voxels" in config.model_fields_set:
        raise UsageError(
            "--source-set max_voxels: has no effect on arrays, which are no files of volumes; "
            "leave it out"
        )
    arrays = open_archive(location)
    first, second = config.inputs, config.targets
    if first is None or second is None:
        chosen = choose_pair(arrays, location)
        first, second = first or chosen[0], second or chosen[1]
    for name in (first, second):
        if name not in arrays:
            raise DataError(f"{location} has no array {name!r}; it holds {describe(arrays)}")
    x, y = arrays[first], arrays[second]
    check_samples(x, y, config.data)
    note = f"arrays: inputs {first} {x.shape} {x.dtype}, targets {second} {y.shape}"
    return _samples(config, x, y, notes=(f"{note} (--source-set inputs=, targets=)",))


def _classes(config: Config, root: Path) -> Samples:
    """Return the volumes of a folder with one folder a class."""
    import numpy as np

    from mlzoo.data.images.folders import list_folder
    from mlzoo.data.volumes.tiff import read_stacks

    listing = list_folder(root)
    names = [listing.name(i) for i in range(len(listing.files))]
    x = read_stacks(listing.files, names, config.max_voxels)
    return _samples(
        config,
        x,
        np.array(listing.labels),
        names,
        listing.parts,
        tuple(listing.notes()),
        tuple(listing.warnings),
    )


def _masked(config: Config, root: Path) -> Samples:
    """Return the volumes of a folder with masks."""
    from mlzoo.data.masks.folders import list_pairs
    from mlzoo.data.quality.bad_files import judge
    from mlzoo.data.volumes.tiff import read_stacks

    pairs = list_pairs(root)
    judge(pairs.problems, len(pairs) + len(pairs.problems), "error", 1, what="volumes and masks")
    names = [pairs.name(i) for i in range(len(pairs))]
    x = read_stacks(pairs.images, names, config.max_voxels)
    y = read_stacks(pairs.masks, [pairs.relative(path) for path in pairs.masks], config.max_voxels)
    return _samples(
        config, x, y, names, pairs.parts, tuple(pairs.notes()), tuple(pairs.warnings), root
    )


def _samples(
    config: Config,
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str] = (),
    parts: Sequence[str] = (),
    notes: tuple[str, ...] = (),
    warnings: tuple[str, ...] = (),
    root: Path | None = None,
) -> Samples:
    """Return volumes with their targets.

    Args:
        config: of the source.
        x: (n, depth, height, width[, channels]).
        y: the targets.
        names: of the volumes.
        parts: of each, where they are split.
        notes: what was inferred.
        warnings: what was odd.
        root: the folder that may hold a classes.txt.
    """
    import numpy as np

    from mlzoo.data.arrays import check_inputs
    from mlzoo.data.images.reader import ImageReader
    from mlzoo.data.masks.reader import DenseReader
    from mlzoo.data.quality.digests import row_digests
    from mlzoo.data.reader import ArrayReader, Reader
    from mlzoo.data.samples import Samples
    from mlzoo.data.tables.labels import label
    from mlzoo.data.volumes.slices import stacked, with_channels

    volumes = with_channels(x, config.data)
    depth, height, width, channels = volumes.shape[1:]
    dense = y.ndim in (4, 5) and y.shape[:4] == volumes.shape[:4]
    if not dense and (config.threshold or config.ignore):
        raise DataError(
            f"{config.data}: threshold and ignore are for masks, which have the volumes' depth, "
            f"height and width, but volumes are {volumes.shape[1:]} and targets {y.shape}"
        )
    if dense and config.class_order:
        raise UsageError(
            "--class-order: has no effect on masks and fields; name the classes of masks in "
            "classes.txt"
        )
    if not dense and y.ndim > 2:
        raise DataError(
            f"{config.data}: volumes of shape {volumes.shape} and targets of shape {y.shape}; "
            "masks and fields must have the volumes' depth, height and width"
        )
    pixels = volumes.dtype in (np.uint8, np.uint16)
    rows = check_inputs(stacked(volumes if pixels else volumes.astype(np.float32)), config.data)
    maximum = float(np.iinfo(rows.dtype).max) if pixels else None
    note = f"inputs: {len(rows)} volumes of {depth} slices of {height}x{width}x{channels}"
    common: dict[str, Any] = {
        "inputs": rows,
        "kind": "image" if pixels else "array",
        "maximum": maximum,
        "names": names,
        "given_parts": np.array(parts) if len(parts) and parts[0] else None,
        "hashes": row_digests(rows),
    }
    form: dict[str, Any] = {
        "dtype": str(rows.dtype),
        "maximum": maximum,
        "depth": depth,
        # New files of the size of the training volumes, which arrays may have held, are read.
        "max_voxels": max(config.max_voxels, depth * height * width),
    }
    if dense:
        targets = _dense(config, y, root)
        reader: Reader = DenseReader(
            kind=common["kind"], channels=channels, masks=targets.classes, **form
        )
        return Samples(
            **common,
            **targets.sample_fields(),
            reader=reader,
            notes=(*notes, note, *targets.notes),
            warnings=(*warnings, *targets.warnings),
        )
    if pixels:
        reader = ImageReader(size=(depth * height, width), channels=channels, **form)
    else:
        reader = ArrayReader(shape=rows.shape[1:], **form)
    labels = label(y, config.task, "targets", config.class_order)
    units = labels.values.shape[1] if labels.values.ndim > 1 and not labels.class_names else 1
    return Samples(
        **common,
        targets=labels.values,
        task=labels.task,
        class_names=labels.class_names,
        target_names=("target",) if units == 1 else tuple(f"target{i}" for i in range(units)),
        reader=reader,
        notes=tuple(text for text in (*notes, note, labels.note) if text),
        warnings=warnings,
    )


def _dense(config: Config, y: np.ndarray, root: Path | None) -> Any:
    """Return the targets that stand at the voxels: masks or fields."""
    from mlzoo.data.masks.arrays import are_masks, dense_fields, dense_masks
    from mlzoo.data.masks.classes import read_classes
    from mlzoo.data.masks.folders import CLASSES
    from mlzoo.data.volumes.slices import stacked

    rows = stacked(y)
    if config.task is not None and not target_of(config.task).sample_numbers:
        raise DataError(
            f"{config.data}: targets {y.shape} stand at every voxel; leave out --task {config.task}"
        )
    if config.task is None and are_masks(rows):
        named = None if root is None else root / CLASSES
        listed = read_classes(named) if named is not None and os.path.lexists(named) else []
        return dense_masks(rows, config.data, config.ignore, config.threshold, listed)
    if config.threshold or config.ignore:
        raise DataError(f"{config.data}: threshold and ignore are for masks of classes")
    return dense_fields(rows, config.data)
