"""Images and the columns of a table beside them, which travel as one array.

Columns follow below the pixels of their image, in rows of their own that are filled up with zeros,
so that a sample is one array of floats from its file to the model, which takes it apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.registry import unknown
from mlzoo.data.samples import Rows, Samples
from mlzoo.data.tables.reader import Column

if TYPE_CHECKING:
    from mlzoo.data.tables.columns import Encoded
    from mlzoo.data.tables.tables import Table


class JoinedRows:
    """Rows (n, height + extra, width, channels) float32: images, and columns below them.

    Args:
        images: rows (n, height, width, channels).
        columns: (n, k) float32 of the table, as `Samples.inputs` of a table.
    """

    dtype = np.dtype("float32")

    def __init__(self, images: Rows, columns: np.ndarray) -> None:
        self.images, self.columns = images, columns
        height, width, channels = images.shape[1:]
        self.height = height
        self._extra = -(-columns.shape[1] // (width * channels))

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height + extra, width, channels)."""
        count, height, *rest = self.images.shape
        return count, height + self._extra, *rest

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, indices: Any) -> np.ndarray:
        images, columns = self.images[indices], self.columns[indices]
        single = images.ndim == 3
        if single:
            images, columns = images[None], columns[None]
        below = np.zeros((len(images), self._extra, *images.shape[2:]), "float32")
        below.reshape(len(images), -1)[:, : columns.shape[1]] = columns
        rows = np.concatenate([images.astype("float32"), below], axis=1)
        return rows[0] if single else rows

    def alone(self, index: int) -> np.ndarray:
        """Return the image (height, width, channels) of one sample, without columns."""
        return self.images[index]

    def only(self, indices: np.ndarray) -> JoinedRows:
        """Return the rows at some positions."""
        images: Any = self.images
        picked = images[indices] if isinstance(images, np.ndarray) else images.only(indices)
        return JoinedRows(picked, self.columns[indices])

    def with_images(self, rows: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Return rows (n, ...) with other images (n, height, width, channels) above the columns."""
        return np.concatenate([images.astype("float32"), rows[:, self.height :]], axis=1)


def images_of(samples: Samples, inputs: np.ndarray) -> np.ndarray:
    """Return the images of raw inputs (n, ...), without what stands below them."""
    rows = samples.inputs
    if not isinstance(rows, JoinedRows):
        return inputs
    images = inputs[:, : rows.height]
    return images.astype(rows.images.dtype)


def bare(samples: Samples) -> Samples:
    """Return samples of images with columns as those of the images alone."""
    rows = samples.inputs
    return replace(samples, inputs=rows.images) if isinstance(rows, JoinedRows) else samples


def second_input(
    table: Table, names: Sequence[str], taken: Sequence[str], raw: bool = False
) -> Encoded:
    """Return the columns of a table that stand beside its images, as inputs.

    Args:
        table: a row an image.
        names: of the columns.
        taken: columns that name the files or are the target.
        raw: refuse texts and identifiers; see `encode`.

    Raises:
        UsageError: there is no such column, or it is taken.
        DataError: a column can't be an input.
    """
    from mlzoo.data.tables.columns import encode

    known = list(table.columns)
    problems = [
        f"--with-columns: {unknown('column', name, known)}; there are {', '.join(known)}"
        for name in names
        if name not in known
    ]
    problems += [
        f"--with-columns: {name!r} is what is predicted, or names the files"
        for name in names
        if name in taken
    ]
    if problems:
        raise UsageError(problems)
    try:
        encoded = encode(table, list(dict.fromkeys(names)), (), raw)
    except DataError as error:
        raise DataError(f"--with-columns: {_without_drop(str(error))}") from None
    encoded = replace(encoded, warnings=tuple(map(_without_drop, encoded.warnings)))
    if not isinstance(encoded.matrix, np.ndarray):
        raise DataError("--with-columns: the table is too large to be held beside the images")
    return encoded


def _without_drop(text: str) -> str:
    """Return a sentence on a column with the advice that holds of columns beside images."""
    advice = "leave it out of --with-columns"
    return re.sub(r"(leave (it|them all) out with )?--drop .*", advice, text)


def join_new(
    images: Rows, table: Table, columns: Sequence[Column]
) -> tuple[JoinedRows, tuple[str, ...]]:
    """Return new images with the columns beside them, and warnings.

    Args:
        images: rows (n, height, width, channels).
        table: a row an image.
        columns: of the model.

    Raises:
        DataError: a column is missing, or holds text where the model takes numbers.
    """
    from mlzoo.data.tables.columns import encode_as

    matrix, warnings = encode_as(table, columns)
    return JoinedRows(images, matrix), tuple(warnings)


def no_columns(where: object, columns: Sequence[Column]) -> DataError:
    """Return the error of images without the columns that a model takes beside them."""
    names = ", ".join(dict.fromkeys(column.origin for column in columns))
    return DataError(
        f"{where} holds no table of the images: the model takes {names} beside each; give a table "
        "that names the images and has these columns, or the folder that holds it"
    )
