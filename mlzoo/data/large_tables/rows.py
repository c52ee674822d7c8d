"""Rows of a table that stay on disk, in files without a name that are gone with the process."""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, overload

import numpy as np

from mlzoo.core.remote.cache import cache_root

BATCH = 2**16
"""Rows that are read, or brought from columns to rows, at once."""
_RESIDENT = 2**17
"""Rows that are read before the pages that they lie in are given back to the system."""


class RowNames(Sequence[str]):
    """Names of rows, such as `row 17`, which are made when they are asked for.

    Args:
        numbers: (n,) of the rows.
        word: what stands before them.
    """

    def __init__(self, numbers: np.ndarray, word: str = "row") -> None:
        self._numbers, self._word = numbers.astype(np.uint32), word

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> RowNames: ...
    def __getitem__(self, position: int | slice) -> str | RowNames:
        if isinstance(position, slice):
            return RowNames(self._numbers[position], self._word)
        return f"{self._word} {self._numbers[position]}"

    def __len__(self) -> int:
        return len(self._numbers)

    def only(self, indices: np.ndarray) -> RowNames:
        """Return the names at some positions."""
        return RowNames(self._numbers[indices], self._word)


class TableRows:
    """Rows (n, columns) float32 in a file, read by position; see `Rows`.

    Args:
        file: holds all rows, one after the other.
        shape: of all rows.
        slots: (n,) position of each row in the file; None: all in order.
    """

    dtype = np.dtype("float32")

    def __init__(
        self, file: IO[bytes], shape: tuple[int, int], slots: np.ndarray | None = None
    ) -> None:
        self._file, self._stored, self._slots = file, shape, slots
        self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._values = np.frombuffer(self._pages, self.dtype).reshape(shape)
        self._read = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self), self._stored[1]

    def __len__(self) -> int:
        return self._stored[0] if self._slots is None else len(self._slots)

    def __getitem__(self, indices: Any) -> np.ndarray:
        slots = indices if self._slots is None else self._slots[indices]
        rows = np.array(self._values[slots])
        self._read += len(rows) if rows.ndim > 1 else 1
        if self._read > _RESIDENT and hasattr(mmap, "MADV_DONTNEED"):
            self._pages.madvise(mmap.MADV_DONTNEED)  # they stay in the system's cache
            self._read = 0
        return rows

    def only(self, indices: np.ndarray) -> TableRows:
        """Return the rows at some positions."""
        slots = indices if self._slots is None else self._slots[indices]
        return TableRows(self._file, self._stored, slots)


class ColumnsOnDisk:
    """Columns of inputs that wait on disk until all are known.

    Args:
        rows: values of a column.
    """

    def __init__(self, rows: int) -> None:
        self._rows, self._file = rows, _unnamed()

    def keep(self, values: np.ndarray) -> np.ndarray:
        """Write a column (rows,) and return it as float32 that is read from the file."""
        start = self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(values, np.float32).data)
        self._file.flush()
        return np.memmap(self._file, np.float32, "r", start, (self._rows,))

    def joined(self, columns: Sequence[np.ndarray]) -> TableRows:
        """Return columns as rows."""
        file = _unnamed()
        for start in range(0, self._rows, BATCH):
            few = [column[start : start + BATCH] for column in columns]
            file.write(np.ascontiguousarray(np.stack(few, axis=1)).data)
        file.flush()
        return TableRows(file, (self._rows, len(columns)))


def row_keys(rows: TableRows) -> np.ndarray:
    """Return the first 64 bits of each row's digest (`quality.digests.row_digests`), uint64."""
    starts = range(0, len(rows), BATCH)
    return np.concatenate([_keys(rows[start : start + BATCH]) for start in starts])


def _keys(rows: np.ndarray) -> np.ndarray:
    rows = rows + 0.0  # -0.0 and 0.0 are one value
    digests = b"".join(hashlib.sha256(row).digest()[:8] for row in rows)
    return np.frombuffer(digests, ">u8").astype("uint64")


def folder() -> Path:
    """Return the folder of files of rows."""
    return cache_root() / "tables"


def _unnamed() -> IO[bytes]:
    """Return a new file that is removed when it is closed, or the process ends."""
    folder().mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryFile(dir=folder())
