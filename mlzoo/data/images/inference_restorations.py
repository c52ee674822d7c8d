"""New images to score a model by that restores them: clean ones that are degraded, or pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.arrays import is_array_file, open_inputs
from mlzoo.data.images.degradation import CleanImages, DegradedImages
from mlzoo.data.images.inference_inputs import frame
from mlzoo.data.images.pairs import check_image_pairs, list_image_pairs
from mlzoo.data.masks.reader import Degradation, DenseReader
from mlzoo.data.new_samples import (
    Progress,
    check_new_images,
    image_files,
    labeled_samples,
    unlike_training,
)
from mlzoo.data.quality.bad_files import judge
from mlzoo.data.samples import Samples

_COLORS = {1: "gray", 3: "rgb"}


def read_restorations(location: Path, reader: DenseReader, progress: Progress | None) -> Samples:
    """Read clean images, degraded as those of training were, or a folder of pairs.

    Raises:
        DataError: files that can't be used, or arrays of another shape.
    """
    if reader.degradation is None:
        return _pairs(location, reader, progress)
    if is_array_file(location):
        return _degraded(_clean_arrays(location, reader), reader.degradation, reader)
    files = image_files(location)
    root = location.parent if location.is_file() else location
    names = [file.relative_to(root).as_posix() for file in files]
    checked = check_new_images(files, names, reader, progress, frame(reader))
    clean = CleanImages(checked.images, checked.form.maximum)
    return replace(
        _degraded(clean, reader.degradation, reader),
        names=names,
        sizes=checked.images.sizes,
        hashes=checked.hashes,
        warnings=unlike_training(checked, reader),
    )


def _degraded(clean: CleanImages, how: Degradation, reader: DenseReader) -> Samples:
    rows = DegradedImages(clean, how, np.arange(len(clean)))
    return labeled_samples(rows, clean, (), reader)


def _clean_arrays(location: Path, reader: DenseReader) -> CleanImages:
    """Return the images (n, height, width[, channels]) of a file of arrays."""
    x = open_inputs(location)
    x = x[..., None] if x.ndim == 3 else x
    whole = x.dtype in (np.uint8, np.uint16)
    maximum = float(np.iinfo(x.dtype).max) if whole else 1.0
    if x.ndim != 4 or x.shape[-1] != reader.channels or not x.size:
        raise DataError(
            f"{location}: shape {x.shape}, but the model restores images (n, height, width, "
            f"{reader.channels})"
        )
    if not whole and not (x.dtype.kind == "f" and 0 <= x.min() <= x.max() <= 1):
        raise DataError(
            f"{location}: clean images are numbers of 8 or 16 bits, or from 0 to 1; these are "
            f"{x.dtype} from {x.min():g} to {x.max():g}"
        )
    return CleanImages(x, maximum)


def _pairs(location: Path, reader: DenseReader, progress: Progress | None) -> Samples:
    pairs = list_image_pairs(location)
    color = _COLORS.get(reader.channels, "auto")
    checked = check_image_pairs(pairs, reader.size, color, reader.max_pixels, progress)
    total = len(pairs.degraded) + len(pairs.problems)
    judge(checked.problems, total, "error", 1.0, what="pairs of images")
    return replace(
        labeled_samples(checked.degraded, checked.clean, checked.names, reader),
        sizes=checked.sizes,
        hashes=checked.hashes,
        target_hashes=checked.clean_hashes,
    )
