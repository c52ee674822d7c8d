"""Images that stay in their files until they are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlzoo.data.decoding import Form, decode, shape_up
from mlzoo.data.headers import BadFileError, Header
from mlzoo.data.samples import Rows
from mlzoo.errors import DataError

CACHE_BYTES = 128 * 2**20
"""Image sets up to this size, decoded, are kept in memory whole; larger ones not at all."""

WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that was checked, and its header."""

    path: Path
    header: Header


class LazyImages:
    """Image files as rows (n, height, width, channels), decoded on demand in a few threads.

    Memory does not grow with the number of files, but for sets small enough to be held whole:
    those come with `cache`, all images decoded.
    """

    def __init__(
        self, files: Sequence[ImageFile], form: Form, cache: np.ndarray | None = None
    ) -> None:
        self._files = list(files)
        self._form = form
        self._cache = cache
        self._pool: ThreadPoolExecutor | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width, channels)."""
        return len(self._files), *self._form.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(self._form.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of all images, decoded."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    @property
    def cached(self) -> bool:
        """Whether all images are held in memory."""
        return self._cache is not None

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, indices: Any) -> np.ndarray:
        """The images at an index, a slice, a mask or an array of positions."""
        if self._cache is not None:
            return self._cache[indices]
        wanted = np.arange(len(self))[indices]
        if wanted.ndim == 0:
            return self._one(int(wanted))
        images = np.empty((len(wanted), *self._form.shape), dtype=self.dtype)
        for place, image in enumerate(self._threads().map(self._one, wanted.tolist())):
            images[place] = image
        return images

    def only(self, indices: np.ndarray) -> LazyImages:
        """The images at some positions."""
        cache = None if self._cache is None else self._cache[indices]
        return LazyImages([self._files[int(i)] for i in indices], self._form, cache)

    def _one(self, index: int) -> np.ndarray:
        file = self._files[index]
        try:
            return shape_up(decode(file.path, file.header), self._form)
        except BadFileError as error:
            raise DataError(
                f"{file.path} was readable when the data were checked, but now: {error}"
            ) from None

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="images")
        return self._pool

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None}  # threads don't travel to other processes


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
        scaled = self.rows[indices].astype(np.float32) * self.factor
        return (np.rint(scaled) if self.dtype.kind == "u" else scaled).astype(self.dtype)

    def only(self, indices: np.ndarray) -> Rescaled:
        """The rows at some positions."""
        rows: Any = self.rows
        return replace(self, rows=rows.only(indices))
