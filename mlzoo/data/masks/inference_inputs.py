"""New images with masks or fields for a trained model, classes as in its training data."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.arrays import choose_pair, is_archive, open_archive
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.images import Rescaled
from mlzoo.data.images.inference_inputs import as_images, frame, refuse_files
from mlzoo.data.masks.arrays import (
    count_masks,
    dense_fields,
    dense_instances,
    encode_masks,
    is_dense,
)
from mlzoo.data.masks.classes import read_classes
from mlzoo.data.masks.folders import CLASSES, list_pairs
from mlzoo.data.masks.instances import check_ids
from mlzoo.data.masks.masks import shape_mask
from mlzoo.data.masks.matching import match_classes
from mlzoo.data.masks.pairs import check_pairs, empty_masks, read_instances, read_masks
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.masks.values import examine, examine_ids
from mlzoo.data.new_samples import unlike_training
from mlzoo.data.quality.bad_files import listed
from mlzoo.data.quality.digests import row_digests
from mlzoo.data.quality.validation import Progress
from mlzoo.data.samples import Samples
from mlzoo.data.volumes.slices import stacked, with_channels
from mlzoo.data.volumes.tiff import read_stacks


def read_pairs(location: Path, reader: DenseReader, progress: Progress | None) -> Samples:
    """Images with masks (a folder, or an .npz file) or with fields (an .npz file).

    Raises:
        DataError: files that can't be used, or values that are none of the model's classes.
    """
    if is_archive(location):
        return _arrays(location, reader)
    if reader.masks is None:
        raise DataError(f"{location} holds no fields; give an .npz file with x and y")
    if reader.depth:
        return _stacks(location, reader)
    refuse_files(str(location), reader)
    pairs = list_pairs(location)
    separate = reader.target_kind.separate
    checked: Any = check_pairs(
        pairs,
        frame(reader),
        reader.max_pixels,
        progress,
        examine_ids if separate else examine,
    )
    if checked.problems:
        total = len(pairs) + len(pairs.problems)
        count = f"{len(checked.problems)} of {total} images and masks can't be used"
        raise DataError(f"{count}:\n{listed(checked.problems)}")
    classes, ids = reader.masks, None
    warnings: list[str] = []
    if separate:
        targets, ids, hashes, pixels = read_instances(checked, reader.max_pixels, progress)
    else:
        named = location / CLASSES
        classes, warnings = match_classes(
            reader.masks,
            checked.named(),
            read_classes(named) if os.path.lexists(named) else [],
            "correct the masks, or say in classes.txt which values the model's names have",
        )
        targets, hashes, pixels = read_masks(checked, classes, reader.max_pixels, progress)
    images: Any = checked.images
    if reader.maximum not in (None, checked.form.maximum):
        images = Rescaled(images, reader.maximum / checked.form.maximum, reader.dtype)
    return _samples_of(reader)(
        inputs=images,
        targets=targets,
        names=checked.names,
        hashes=checked.hashes,
        sizes=checked.images.sizes,
        pixels=pixels,
        instances=ids,
        target_hashes=hashes,
        warnings=(
            *pairs.warnings,
            *unlike_training(checked, reader),
            *warnings,
            *empty_masks(checked.names, pixels, classes.names),
        ),
    )


def _stacks(location: Path, reader: DenseReader) -> Samples:
    """Return volumes with masks, TIFF files of several pages."""
    pairs = list_pairs(location)
    if pairs.problems:
        total = len(pairs) + len(pairs.problems)
        count = f"{len(pairs.problems)} of {total} volumes and masks can't be used"
        raise DataError(f"{count}:\n{listed(pairs.problems)}")
    names = [pairs.name(i) for i in range(len(pairs))]
    x = read_stacks(pairs.images, names, reader.max_voxels)
    of_masks = [pairs.relative(path) for path in pairs.masks]
    y = read_stacks(pairs.masks, of_masks, reader.max_voxels)
    return replace(_of_arrays(x, y, location, reader), names=names)


def _arrays(location: Path, reader: DenseReader) -> Samples:
    arrays = open_archive(location)
    x, y = (arrays[name] for name in choose_pair(arrays, location))
    return _of_arrays(x, y, location, reader)


def _of_arrays(x: np.ndarray, y: np.ndarray, location: Path, reader: DenseReader) -> Samples:
    """Return arrays of images, or of volumes, with what stands at each pixel."""
    rows = x
    if reader.depth:
        volumes = with_channels(x, str(location))
        if y.shape[:4] == volumes.shape[:4]:
            y = stacked(y)
        rows = stacked(volumes)
    if reader.line and x.ndim in (2, 3) and y.ndim > 1:
        rows, y = x[:, None], y[:, None]
    if not len(x) or not is_dense(rows, y):
        raise DataError(
            f"{location}: targets of shape {y.shape} do not stand at the pixels of images of "
            f"shape {x.shape}"
        )
    new = as_images(x, reader)
    inputs = np.stack([new.image(i) for i in range(len(new))])
    with_targets = partial(
        _samples_of(reader), inputs=inputs, names=new.names, hashes=row_digests(inputs)
    )
    if reader.masks is None:
        fields = dense_fields(y, str(location)).targets
        if fields.shape[-1] != len(reader.target_names):
            raise DataError(
                f"{location}: {fields.shape[-1]} fields, but the model predicts "
                f"{len(reader.target_names)}"
            )
        return with_targets(targets=fields, warnings=new.warnings)
    if reader.target_kind.separate:
        form = ImageForm(*inputs.shape[1:])
        ids = np.stack([shape_mask(mask, form, 0) for mask in check_ids(y, str(location))])
        read = dense_instances(ids, str(location))
        return with_targets(
            targets=read.targets,
            instances=read.instances,
            pixels=read.pixels,
            target_hashes=read.target_hashes,
            warnings=new.warnings,
        )
    whole, counted = count_masks(y, str(location))
    advice = f"correct them in {location}: the model knows no others"
    classes, warnings = match_classes(reader.masks, counted, [], advice)
    targets, pixels = encode_masks(whole, counted, classes)
    form = ImageForm(*inputs.shape[1:])
    targets = np.stack([shape_mask(mask, form) for mask in targets])
    return with_targets(
        targets=targets,
        pixels=pixels,
        target_hashes=row_digests(targets),
        warnings=(*new.warnings, *warnings, *empty_masks(new.names, pixels, classes.names)),
    )


def _samples_of(reader: DenseReader) -> Callable[..., Samples]:
    """Return what makes samples of their inputs and targets, as a reader describes them."""
    return partial(
        Samples,
        task=reader.task,
        kind=reader.kind,
        class_names=reader.class_names,
        target_names=reader.target_names,
        maximum=reader.maximum,
        reader=reader,
    )
