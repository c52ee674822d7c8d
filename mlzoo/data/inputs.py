"""New data for a trained model: read the way its training data were, as its reader says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import as_text
from mlzoo.data.arrays import (
    as_trained,
    check_samples,
    choose_pair,
    is_archive,
    is_array_file,
    open_archive,
    open_inputs,
)
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.folders import list_folder
from mlzoo.data.images.headers import Header
from mlzoo.data.images.images import Rescaled
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.label_files.inference_inputs import (
    is_table,
    names_labels,
    read_labels,
    read_named_images,
)
from mlzoo.data.label_files.joined import join_new, no_columns
from mlzoo.data.label_files.recognizing import find_label_files
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.new_samples import (
    Choose,
    NewInputs,
    Progress,
    check_new_images,
    existing,
    finite_targets,
    image_files,
    labeled_samples,
    positions_of,
    unlike_training,
)
from mlzoo.data.objects.store import kind_of
from mlzoo.data.quality.differences import array_differences
from mlzoo.data.quality.validation import Checked
from mlzoo.data.reader import ArrayReader, Reader
from mlzoo.data.samples import Rows, Samples
from mlzoo.data.sequences.reader import SequenceReader
from mlzoo.data.tables.inference_inputs import read_labeled_table, read_table_inputs
from mlzoo.data.tables.label_sets import encode_as
from mlzoo.data.tables.labels import class_name
from mlzoo.data.tables.reader import TableReader
from mlzoo.data.tables.tables import Table
from mlzoo.data.text.pairs import read_labeled_pairs, read_sources
from mlzoo.data.text.reader import PairReader, TextReader
from mlzoo.data.volumes.slices import as_trained_slices


def read_inputs(path: str, reader: Reader, progress: Progress | None = None) -> NewInputs:
    """Read new samples without targets: image files or folders, a table, or arrays.

    Images of a model that predicts at every pixel are read by `images.inference_inputs`.

    Args:
        path: a file or a folder.
        reader: `Samples.reader` of the training data.
        progress: called as images are checked.

    Raises:
        UsageError: nothing is there.
        DataError: the files can't be read, or lack a column that the model takes.
    """
    if isinstance(reader, PairReader):
        return read_sources(path, reader)
    location = existing(path)
    if isinstance(reader, TableReader):
        return read_table_inputs(location, reader)
    if isinstance(reader, SequenceReader | TextReader):
        from mlzoo.data.sequences.inference_inputs import read_sequences

        return read_sequences(location, reader)
    known = _whole(reader)
    if known.depth and not is_array_file(location):
        from mlzoo.data.volumes.inference_inputs import read_volumes

        return read_volumes(location, known)
    if (file := _file_of_inputs(location)) is not None:
        x = _inputs_array(file, known)
        names = [f"sample {i}" for i in range(len(x))]
        return NewInputs(x, names, array_differences(x, known))
    if isinstance(known, ArrayReader):
        raise DataError(
            f"{path} is no .npz or .npy file; the model takes arrays {list(known.shape)}"
        )
    table: Table | None = None
    if is_table(location) or (known.beside and find_label_files(location)):
        labeled = read_named_images(location, known)
        files, names, table = labeled.files, labeled.names(), labeled.table
    elif known.beside:
        raise no_columns(path, known.beside)
    else:
        files = image_files(location)
        root = location.parent if location.is_file() else location
        names = [as_text(file.relative_to(root).as_posix()) for file in files]
    checked = check_new_images(files, names, known, progress, _form(known))
    rows, warnings = _in_range(checked, known), unlike_training(checked, known)
    if known.beside:
        assert table is not None
        rows, unseen = join_new(rows, table, known.beside)
        warnings = (*warnings, *unseen)
    return NewInputs(rows, names, warnings)


def read_labelled(path: str, reader: Reader, progress: Progress | None = None) -> Samples:
    """Read new samples with targets, classes mapped by name to those of the training data.

    Raises:
        UsageError: nothing is there.
        DataError: as `read_inputs`; no targets; a class that the model does not know.
    """
    location = existing(path)
    if isinstance(reader, TableReader):
        return read_labeled_table(location, reader)
    if isinstance(reader, DenseReader) and reader.target_kind.restores:
        from mlzoo.data.images.inference_restorations import read_restorations

        return read_restorations(location, reader, progress)
    if isinstance(reader, PairReader):
        return read_labeled_pairs(location, reader)
    if isinstance(reader, DenseReader):
        from mlzoo.data.masks.inference_inputs import read_pairs

        return read_pairs(location, reader, progress)
    if isinstance(reader, SequenceReader | TextReader):
        from mlzoo.data.sequences.inference_inputs import read_labelled_sequences

        return read_labelled_sequences(location, reader)
    known = _whole(reader)
    if known.target_kind.is_input and (file := _file_of_inputs(location)) is not None:
        x = _inputs_array(file, known)
        return labeled_samples(x, x, [f"sample {i}" for i in range(len(x))], known)
    if is_archive(location) or kind_of(path) == "arrays":
        return _labelled_arrays(location, known)
    if known.depth:
        from mlzoo.data.volumes.inference_inputs import read_labeled_volumes

        return read_labeled_volumes(location, known)
    if isinstance(known, ImageReader) and names_labels(location, known):
        labeled, targets = read_labels(location, known)
        samples = _labeled_images(labeled.files, labeled.names(), targets, known, progress)
        if not known.beside:
            return samples
        joined, unseen = join_new(samples.inputs, labeled.table, known.beside)
        return replace(samples, inputs=joined, warnings=(*samples.warnings, *unseen))
    if isinstance(known, ImageReader) and known.beside:
        raise no_columns(path, known.beside)
    if isinstance(known, ArrayReader) or not location.is_dir():
        raise DataError(f"{path} holds no targets; give {_wanted(known)}")
    unlabeled = known.target_kind.is_input
    listing = list_folder(location, fewest_classes=1, loose=unlabeled)
    names = [listing.name(i) for i in range(len(listing.files))]
    targets = None if unlabeled else positions_of(listing.labels, known, path)
    samples = _labeled_images(listing.files, names, targets, known, progress)
    return replace(samples, warnings=(*listing.warnings, *samples.warnings))


def _whole(reader: Reader) -> ArrayReader | ImageReader:
    """Return a reader of arrays or images that are predicted as a whole.

    Raises:
        DataError: it is of another kind.
    """
    if isinstance(reader, ArrayReader | ImageReader):
        return reader
    raise DataError(
        f"new samples of kind {reader.kind} for the task {reader.task or 'that is not named'} "
        "can't be read from files; give an array"
    )


def _wanted(reader: Reader) -> str:
    images = "a folder with one folder of images a class, a table that names images, or "
    return f"{images if reader.kind == 'image' else ''}an .npz file with x and y"


# -- Arrays


def _as_trained(x: np.ndarray, location: Path, reader: ArrayReader | ImageReader) -> np.ndarray:
    if reader.depth:
        x = as_trained_slices(x, reader.depth, str(location))
    return as_trained(x, str(location), reader.shape, reader.dtype, reader.maximum)


def _file_of_inputs(location: Path) -> Path | None:
    """Return a file of arrays, that of the inputs in a folder; None where there is none."""
    if is_array_file(location):
        return location
    return location / "x.npy" if (location / "x.npy").is_file() else None


def _inputs_array(location: Path, reader: ArrayReader | ImageReader) -> np.ndarray:
    return _as_trained(open_inputs(location), location, reader)


def _labelled_arrays(location: Path, reader: ArrayReader | ImageReader) -> Samples:
    arrays = open_archive(location)
    first, second = choose_pair(arrays, location)
    x, y = _as_trained(arrays[first], location, reader), arrays[second]
    check_samples(x, y, str(location))
    names = [f"sample {i}" for i in range(len(x))]
    if isinstance(reader, ArrayReader) and reader.target_kind.ahead:
        from mlzoo.data.sequences.arrays import following_values

        units = len(reader.target_names)
        return labeled_samples(
            x, following_values(y, reader.horizon, units, str(location)), names, reader
        )
    if reader.target_kind.sample_numbers:
        values = finite_targets(y, location)
    elif reader.target_kind.is_label_set:
        values = encode_as(y, reader.class_names, location)
    else:
        if y.ndim == 2 and y.shape[1] == len(reader.class_names) > 1:
            y = y.argmax(axis=1)
        values = positions_of([class_name(value) for value in y.reshape(-1)], reader, location)
    return labeled_samples(x, values, names, reader)


# -- Images


def _labeled_images(
    files: Sequence[Path],
    names: Sequence[str],
    targets: np.ndarray | None,
    reader: ImageReader,
    progress: Progress | None,
) -> Samples:
    """Return image files as samples; without targets they are their own."""
    checked = check_new_images(files, names, reader, progress, _form(reader))
    rows = _in_range(checked, reader)
    return replace(
        labeled_samples(rows, rows if targets is None else targets, names, reader),
        hashes=checked.hashes,
        warnings=unlike_training(checked, reader),
    )


def _form(reader: ImageReader) -> Choose:
    def choose(headers: Sequence[Header]) -> tuple[ImageForm, list[str]]:
        deep = any(header.dtype == "uint16" for header in headers) or reader.dtype == "uint16"
        return ImageForm(*reader.size, reader.channels, "uint16" if deep else "uint8"), []

    return choose


def _in_range(checked: Checked, reader: ImageReader) -> Rows:
    if checked.form.maximum == reader.maximum:
        return checked.images
    return Rescaled(checked.images, reader.maximum / checked.form.maximum, reader.dtype)
