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
    open_npy,
    open_npz,
)
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.folders import list_folder
from mlzoo.data.images.headers import Header
from mlzoo.data.images.images import Rescaled
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.masks.reader import DenseReader
from mlzoo.data.new_samples import (
    Choose,
    NewInputs,
    Progress,
    check_new_images,
    existing,
    finite_targets,
    image_files,
    positions_of,
    unlike_training,
)
from mlzoo.data.quality.differences import array_differences
from mlzoo.data.quality.digests import row_digests
from mlzoo.data.quality.validation import Checked
from mlzoo.data.reader import ArrayReader, Reader
from mlzoo.data.samples import Rows, Samples
from mlzoo.data.sequences.reader import SequenceReader
from mlzoo.data.tables.columns import encode_as, numbers
from mlzoo.data.tables.labels import class_name
from mlzoo.data.tables.reader import TableReader
from mlzoo.data.tables.tables import Table, read_table
from mlzoo.data.tables.targets import compare
from mlzoo.data.text.reader import TextReader

_ARRAYS = (".npz", ".npy")


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
    location = existing(path)
    if isinstance(reader, TableReader):
        table = _table(location, reader)
        matrix, warnings = encode_as(table, reader.columns)
        return NewInputs(matrix, table.row_names(), tuple(warnings))
    if isinstance(reader, SequenceReader | TextReader):
        from mlzoo.data.sequences.inference_inputs import read_sequences

        return read_sequences(location, reader)
    known = _whole(reader)
    if location.suffix.lower() in _ARRAYS:
        x = _inputs_array(location, known)
        names = [f"sample {i}" for i in range(len(x))]
        return NewInputs(x, names, array_differences(x, known))
    if isinstance(known, ArrayReader):
        raise DataError(
            f"{path} is no .npz or .npy file; the model takes arrays {list(known.shape)}"
        )
    files = image_files(location)
    root = location.parent if location.is_file() else location
    names = [as_text(file.relative_to(root).as_posix()) for file in files]
    checked = check_new_images(files, names, known, progress, _form(known))
    return NewInputs(_in_range(checked, known), names, unlike_training(checked, known))


def read_labelled(path: str, reader: Reader, progress: Progress | None = None) -> Samples:
    """Read new samples with targets, classes mapped by name to those of the training data.

    Raises:
        UsageError: nothing is there.
        DataError: as `read_inputs`; no targets; a class that the model does not know.
    """
    location = existing(path)
    if isinstance(reader, TableReader):
        return _labelled_table(location, reader)
    if isinstance(reader, DenseReader):
        from mlzoo.data.masks.inference_inputs import read_pairs

        return read_pairs(location, reader, progress)
    if isinstance(reader, SequenceReader | TextReader):
        from mlzoo.data.sequences.inference_inputs import read_labelled_sequences

        return read_labelled_sequences(location, reader)
    known = _whole(reader)
    if location.suffix.lower() == ".npz":
        return _labelled_arrays(location, known)
    if isinstance(known, ArrayReader) or not location.is_dir():
        raise DataError(f"{path} holds no targets; give {_wanted(known)}")
    unlabeled = known.target_kind.is_input
    listing = list_folder(location, fewest_classes=1, loose=unlabeled)
    names = [listing.name(i) for i in range(len(listing.files))]
    targets = None if unlabeled else positions_of(listing.labels, known, path)
    checked = check_new_images(listing.files, names, known, progress, _form(known))
    rows = _in_range(checked, known)
    return replace(
        _samples(rows, rows if targets is None else targets, names, known),
        hashes=checked.hashes,
        warnings=(*listing.warnings, *unlike_training(checked, known)),
    )


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
    image = "a folder with one folder of images a class, or " if reader.kind == "image" else ""
    return f"{image}an .npz file with x and y"


def _samples(rows: Rows, targets: Rows, names: Sequence[str], reader: Reader) -> Samples:
    return Samples(
        inputs=rows,
        targets=targets,
        task=reader.task,
        kind=reader.kind,
        class_names=reader.class_names,
        target_names=reader.target_names,
        columns=reader.columns if isinstance(reader, TableReader) else (),
        maximum=reader.maximum,
        names=names,
        hashes=row_digests(rows) if isinstance(rows, np.ndarray) else None,
        reader=reader,
        warnings=array_differences(rows, reader) if isinstance(rows, np.ndarray) else (),
    )


# -- Tables


def _table(location: Path, reader: TableReader) -> Table:
    return read_table(location, reader.delimiter, reader.header, list(reader.input_names))


def _labelled_table(location: Path, reader: TableReader) -> Samples:
    table = _table(location, reader)
    target = reader.target
    if target is None:
        matrix, warnings = encode_as(table, reader.columns)
        samples = _samples(matrix, matrix, table.row_names(), reader)
        return replace(samples, warnings=tuple(warnings))
    if target.column not in table.columns:
        raise DataError(
            f"{location} has no column {target.column!r} to compare predictions with; it has "
            f"{', '.join(table.columns)}"
        )
    matrix, warnings = encode_as(table, reader.columns)
    parsed = numbers(table, target.column)
    raw = table.columns[target.column] if parsed is None else parsed
    missing = np.array([value is None or value != value for value in raw])
    if missing.any():
        row = table.where(int(missing.argmax()))
        raise DataError(f"{location}, {row}: the target {target.column!r} is missing")
    if target.comparison:
        values = compare(raw, target, text=parsed is None).astype(np.int32)
    elif reader.target_kind.sample_numbers or reader.target_kind.per == "point":
        values = finite_targets(raw, location)
    else:
        values = positions_of([class_name(value) for value in raw], reader, location)
    samples = _samples(matrix, values, table.row_names(), reader)
    return replace(samples, warnings=tuple(warnings))


# -- Arrays


def _as_trained(x: np.ndarray, location: Path, reader: ArrayReader | ImageReader) -> np.ndarray:
    return as_trained(x, str(location), reader.shape, reader.dtype, reader.maximum)


def _inputs_array(location: Path, reader: ArrayReader | ImageReader) -> np.ndarray:
    if location.suffix.lower() == ".npy":
        return _as_trained(open_npy(location), location, reader)
    arrays = open_npz(location)
    name = next(iter(arrays)) if len(arrays) == 1 else choose_pair(arrays, location)[0]
    return _as_trained(arrays[name], location, reader)


def _labelled_arrays(location: Path, reader: ArrayReader | ImageReader) -> Samples:
    arrays = open_npz(location)
    first, second = choose_pair(arrays, location)
    x, y = _as_trained(arrays[first], location, reader), arrays[second]
    check_samples(x, y, str(location))
    names = [f"sample {i}" for i in range(len(x))]
    if isinstance(reader, ArrayReader) and reader.target_kind.ahead:
        from mlzoo.data.sequences.arrays import following_values

        units = len(reader.target_names)
        return _samples(x, following_values(y, reader.horizon, units, str(location)), names, reader)
    if reader.target_kind.sample_numbers:
        values = finite_targets(y, location)
    else:
        if y.ndim == 2 and y.shape[1] == len(reader.class_names) > 1:
            y = y.argmax(axis=1)
        values = positions_of([class_name(value) for value in y.reshape(-1)], reader, location)
    return _samples(x, values, names, reader)


# -- Images


def _form(reader: ImageReader) -> Choose:
    def choose(headers: Sequence[Header]) -> tuple[ImageForm, list[str]]:
        deep = any(header.dtype == "uint16" for header in headers) or reader.dtype == "uint16"
        return ImageForm(*reader.size, reader.channels, "uint16" if deep else "uint8"), []

    return choose


def _in_range(checked: Checked, reader: ImageReader) -> Rows:
    if checked.form.maximum == reader.maximum:
        return checked.images
    return Rescaled(checked.images, reader.maximum / checked.form.maximum, reader.dtype)
