"""New volumes of TIFF files for a model that predicts each as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlzoo.core.files import as_text
from mlzoo.data.arrays import as_trained
from mlzoo.data.images.folders import list_folder
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.new_samples import NewInputs, image_files, labeled_samples, positions_of
from mlzoo.data.quality.differences import array_differences
from mlzoo.data.reader import ArrayReader
from mlzoo.data.samples import Samples
from mlzoo.data.volumes.slices import as_trained_slices
from mlzoo.data.volumes.tiff import read_stacks


def read_volumes(location: Path, reader: ArrayReader | ImageReader) -> NewInputs:
    """Read new volumes without targets: a file, or all in a folder.

    Raises:
        DataError: they can't be read, or differ from those of the training in shape.
    """
    files = image_files(location)
    root = location.parent if location.is_file() else location
    names = [as_text(file.relative_to(root).as_posix()) for file in files]
    rows = _rows(files, names, location, reader)
    return NewInputs(rows, names, array_differences(rows, reader))


def read_labeled_volumes(location: Path, reader: ArrayReader | ImageReader) -> Samples:
    """Read new volumes of a folder with one folder a class.

    Raises:
        DataError: as `read_volumes`; a class that the model does not know.
    """
    listing = list_folder(location, fewest_classes=1)
    names = [listing.name(i) for i in range(len(listing.files))]
    targets = positions_of(listing.labels, reader, location)
    rows = _rows(listing.files, names, location, reader)
    samples = labeled_samples(rows, targets, names, reader)
    return replace(samples, warnings=(*listing.warnings, *samples.warnings))


def _rows(
    files: Sequence[Path],
    names: Sequence[str],
    location: Path,
    reader: ArrayReader | ImageReader,
) -> np.ndarray:
    volumes = read_stacks(files, names, reader.max_voxels)
    rows = as_trained_slices(volumes, reader.depth, str(location))
    return as_trained(rows, str(location), reader.shape, reader.dtype, reader.maximum)
