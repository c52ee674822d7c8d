"""Images that stay in their files until they are asked for."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.data.decoded.rows import StoredRows
from mlzoo.data.images.decoding import ImageForm, decode, shape_up
from mlzoo.data.images.headers import BadFileError, Header
from mlzoo.data.samples import Rows

CACHE_BYTES = 128 * 2**20
"""Image sets up to this size, decoded, are kept in memory whole; larger ones not at all."""

WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that was checked, and its header."""

    path: Path
    header: Header


class LazyFiles(ABC):
    """Files as rows of one shape, decoded on demand in a few threads.

    Memory does not grow with the number of files, but for sets small enough to be held whole:
    those come with `cache`, all files decoded. Where decoded files are kept on disk, as `stored`,
    they are read from there; should they be removed, files are decoded again.
    """

    def __init__(
        self,
        files: Sequence[Any],
        cache: np.ndarray | None = None,
        stored: StoredRows | None = None,
    ) -> None:
        self._files = list(files)
        self._cache = cache
        self._stored = stored
        self._pool: ThreadPoolExecutor | None = None

    @property
    @abstractmethod
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The NumPy type of what reading gives."""

    @abstractmethod
    def _read(self, file: Any) -> np.ndarray:
        """One row. Raises BadFileError."""

    @abstractmethod
    def _path(self, file: Any) -> Path:
        """Return the path that messages name."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, *row_shape)."""
        return len(self._files), *self.row_shape

    @property
    def nbytes(self) -> int:
        """Bytes of all rows, decoded."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def cached(self) -> bool:
        """Return whether all rows are held in memory."""
        return self._cache is not None

    @property
    def decoded(self) -> bool:
        """Return whether rows are read without decoding: from memory, or from disk."""
        return self.cached or self._stored is not None

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """The rows at an index, a slice, a mask or an array of positions."""
        if self._cache is not None:
            return self._cache[indices]
        wanted = np.arange(len(self))[indices]
        stored = None if self._stored is None else self._stored.read(wanted)
        if stored is not None:
            return stored
        if wanted.ndim == 0:
            return self._one(int(wanted))
        rows = np.empty((len(wanted), *self.row_shape), dtype=self.dtype)
        for place, row in enumerate(self._threads().map(self._one, wanted.tolist())):
            rows[place] = row
        return rows

    def _picked(
        self, indices: np.ndarray, how: Any
    ) -> tuple[list[Any], Any, np.ndarray | None, StoredRows | None]:
        """Return the rows at some positions."""
        cache = None if self._cache is None else self._cache[indices]
        stored = None if self._stored is None else self._stored.only(indices)
        return [self._files[int(i)] for i in indices], how, cache, stored

    def _one(self, index: int) -> np.ndarray:
        file = self._files[index]
        try:
            return self._read(file)
        except BadFileError as error:
            raise DataError(
                f"{self._path(file)} was readable when the data were checked, but now: {error}"
            ) from None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="images")
        return self._pool

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_pool": None}  # threads don't travel to other processes


class LazyImages(LazyFiles):
    """Image files as rows (n, height, width, channels), uint8 or uint16."""

    def __init__(
        self,
        files: Sequence[ImageFile],
        form: ImageForm,
        cache: np.ndarray | None = None,
        stored: StoredRows | None = None,
    ) -> None:
        super().__init__(files, cache, stored)
        self._form = form

    @property
    def row_shape(self) -> tuple[int, ...]:
        """(height, width, channels)."""
        return self._form.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(self._form.dtype)

    @property
    def file_sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each image as its file holds it."""
        return [(file.header.height, file.header.width) for file in self._files]

    @property
    def sizes(self) -> np.ndarray:
        """(n, 2): height and width of each image within its row; the rest is padding."""
        if self._form.fit == "resize":
            return np.tile(self._form.shape[:2], (len(self), 1))
        return np.array(self.file_sizes)

    def own(self, index: int) -> np.ndarray:
        """The image at a position without padding."""
        if self._form.fit == "resize" or self.decoded:
            height, width = self.sizes[index]
            return self[index][:height, :width]
        header = self._files[index].header
        form = replace(self._form, height=header.height, width=header.width)
        return LazyImages([self._files[index]], form)[0]

    def _read(self, file: ImageFile) -> np.ndarray:
        return shape_up(decode(file.path, file.header), self._form)

    def _path(self, file: ImageFile) -> Path:
        return file.path

    def only(self, indices: np.ndarray) -> LazyImages:
        """The images at some positions."""
        return LazyImages(*self._picked(indices, self._form))


def rescaled(values: np.ndarray, factor: float, dtype: Any) -> np.ndarray:
    """Values times a factor in another type, rounded where that holds whole numbers."""
    scaled = values.astype(np.float32) * factor
    return (np.rint(scaled) if np.dtype(dtype).kind == "u" else scaled).astype(dtype)


@dataclass(frozen=True)
class Rescaled:
    """Rows whose values are multiplied, for images of another bit depth than was trained on."""

    rows: Rows
    factor: float
    type: str

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, *shape of one)."""
        return self.rows.shape

    @property
    def dtype(self) -> Any:
        """The type that was trained on."""
        return np.dtype(self.type)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, indices: Any) -> np.ndarray:
        return rescaled(self.rows[indices], self.factor, self.dtype)

    def only(self, indices: np.ndarray) -> Rescaled:
        """The rows at some positions."""
        rows: Any = self.rows
        return replace(self, rows=rows.only(indices))
