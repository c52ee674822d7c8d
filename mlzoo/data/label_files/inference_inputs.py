"""New images that a table names, for a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.images.reader import ImageReader
from mlzoo.data.label_files.listing import LabeledFiles, read_label_files
from mlzoo.data.label_files.recognizing import find_label_files, has_class_folders, label_files_at
from mlzoo.data.label_files.targets import choose_target, join_labels, without_repeats
from mlzoo.data.objects.store import is_reference, kind_of
from mlzoo.data.quality.bad_files import listed
from mlzoo.data.tables import formats
from mlzoo.data.tables.inference_inputs import new_targets
from mlzoo.data.text.captions import caption_texts, encode_new_captions
from mlzoo.data.text.reader import CaptionReader


def is_table(location: Path) -> bool:
    """Return whether a path is a table by its name, or refers to images of Python code."""
    if is_reference(location):
        return kind_of(str(location)) == "images"
    return location.is_file() and formats.is_table(location)


def names_labels(location: Path, reader: ImageReader) -> bool:
    """Return whether labels of new images are to be read from a table at a path.

    They are where the path is a table, and of a folder with one unless class folders are what the
    training images had.
    """
    if not location.is_dir():
        return is_table(location)
    by_table = reader.labels is not None or not has_class_folders(location)
    return by_table and bool(find_label_files(location))


def read_named_images(location: Path, reader: ImageReader) -> LabeledFiles:
    """Find the images that a table names, or the tables of a folder.

    Raises:
        DataError: a row names no image.
    """
    labels = reader.labels
    label_files = label_files_at(location)
    if labels is None:
        labeled = read_label_files(label_files)
    else:
        labeled = read_label_files(label_files, labels.file_column, labels.delimiter, labels.header)
    if labeled.problems:
        total = len(labeled.files) + len(labeled.problems)
        count = f"{location}: {len(labeled.problems)} of {total} rows name no image"
        raise DataError(f"{count}:\n{listed(labeled.problems)}")
    return labeled


def read_labels(location: Path, reader: ImageReader) -> tuple[LabeledFiles, np.ndarray | None]:
    """Find new images and their targets.

    Returns:
        Files, each once, and their targets (n,), None where the model learned without labels.

    Raises:
        DataError: as `read_named_images`; no column of targets, classes that are unknown, or rows
            of an image that contradict each other.
    """
    target = None if reader.labels is None else reader.labels.target
    labeled = read_named_images(location, reader)
    if target is None and reader.target_kind.is_input:
        return without_repeats(labeled, None), None
    if target is None:
        target, _ = choose_target(labeled, location)
    origins = {column.origin for column in reader.beside}
    beside = [name for name in labeled.table.columns if name in origins]
    if reader.target_kind.is_label_set and not target.others:
        labeled = join_labels(labeled, target, beside)
    else:
        labeled = without_repeats(labeled, target, beside)
    if isinstance(reader, CaptionReader):
        return labeled, encode_new_captions(caption_texts(labeled.table, target.column), reader)
    return labeled, new_targets(labeled.table, target, reader, location)
