"""Shared by the readers of new samples: their paths, checks, classes and result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.files import expand, real_path, refuse_special
from mlzoo.data.arrays import check_finite
from mlzoo.data.images.decoding import ImageForm
from mlzoo.data.images.folders import images_below
from mlzoo.data.images.headers import Header
from mlzoo.data.images.layouts import SUFFIXES
from mlzoo.data.images.reader import PixelReader
from mlzoo.data.loading import refuse_undecodable
from mlzoo.data.objects.store import is_reference
from mlzoo.data.quality.bad_files import listed
from mlzoo.data.quality.differences import array_differences, differences
from mlzoo.data.quality.digests import row_digests
from mlzoo.data.quality.validation import Checked, check_images
from mlzoo.data.reader import Reader
from mlzoo.data.recognition import names_a_set
from mlzoo.data.samples import Rows, Samples
from mlzoo.data.tables.reader import TableReader

Progress = Callable[[int, int, str], Any]
Choose = Callable[[Sequence[Header]], tuple[ImageForm, list[str]]]
_SHOWN = 10


@dataclass(frozen=True)
class NewInputs:
    """Rows for a model, what to call each, and what was notable about them."""

    rows: Rows
    names: list[str]
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_undecodable(self.names, "new samples")

    def __len__(self) -> int:
        return len(self.names)


def existing(path: str) -> Path:
    """The file or folder at a path; an object's reference as it is.

    Raises:
        UsageError: there is none.
        DataError: it is a pipe or a device.
    """
    refuse_undecodable([path], "the path")
    location = expand(path)
    if is_reference(path):
        return location
    refuse_special(location)
    if not location.exists():
        missing = f"{path!r} is not there (looked at {real_path(location)})"
        if names_a_set(path):
            missing += (
                "; data sets are named to train on them, and other samples are read from files or "
                "folders (`mlzoo evaluate RUN` scores those of the run's test split)"
            )
        raise UsageError(missing)
    return location


def image_files(location: Path) -> list[Path]:
    """An image file, or all in a folder. Raises DataError where there are none."""
    files = [location] if location.is_file() else images_below(location).files
    if not files:
        raise DataError(f"{location} holds no images ({', '.join(SUFFIXES)})")
    return files


def positions_of(labels: Sequence[str], reader: Reader, path: Any) -> np.ndarray:
    """Each class's position among the model's. Raises DataError for one that it does not know."""
    place = {name: position for position, name in enumerate(reader.class_names)}
    unknown = sorted(set(labels) - set(place) - set(reader.merged))
    if unknown:
        raise DataError(
            f"{path}: class {', '.join(map(repr, unknown[:_SHOWN]))} is unknown to the model, "
            f"which has {', '.join(map(repr, place))}"
        )
    return np.array([place[reader.merged.get(name, name)] for name in labels], dtype=np.int32)


def labeled_samples(rows: Rows, targets: Rows, names: Sequence[str], reader: Reader) -> Samples:
    """Return new samples with targets, as the reader describes those of the training data."""
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


def finite_targets(values: np.ndarray, what: Any) -> np.ndarray:
    """Targets of a regression as float32. Raises DataError for text, NaN or infinite numbers."""
    if values.dtype.kind not in "iuf":
        raise DataError(f"{what}: targets hold text such as {values[0]!r}; expected numbers")
    numbers_ = values.astype(np.float32)
    check_finite(numbers_, f"{what}: targets")
    return numbers_


def check_new_images(
    files: Sequence[Path],
    names: Sequence[str],
    reader: PixelReader,
    progress: Progress | None,
    choose: Choose,
) -> Checked:
    """Decode new images once. Raises DataError with the names of all that can't be used."""
    checked = check_images(files, choose, reader.max_pixels, progress)
    if checked.problems:
        problems = {names[i]: why for i, why in checked.problems.items()}
        count = f"{len(problems)} of {len(files)} images can't be used"
        raise DataError(f"{count}:\n{listed(problems)}")
    return checked


def unlike_training(checked: Checked, reader: PixelReader) -> tuple[str, ...]:
    """Return a warning for each way in which new images differ from those of the training data."""
    # Images that are restored lie from 0 to 1, whatever the depth of their files.
    maximum = 1.0 if reader.target_kind.restores else checked.form.maximum
    return differences(checked.headers, checked.contents, reader, maximum)
