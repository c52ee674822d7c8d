"""Decoded images on disk, by the content of their files and the form that they were brought into.

A file of rows (`KEY.npy`) is written under another name and renamed when it is whole; what is known
of each row (`KEY.npz`) follows it, and rows without that do not count. Nothing is changed
afterwards, and a name stands for the same rows in the same order, so that processes share the
folder without locks.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mlzoo.data.decoded.rows import StoredRows
from mlzoo.data.decoded.space import PARTIAL, make_room

_LAYOUT = 1
"""Changes with the layout of the files, and with how images are decoded and resized."""


@dataclass(frozen=True)
class StoredRow:
    """A row that is kept: its file, its position there, and what is known of it."""

    path: Path
    slot: int
    facts: tuple[Any, ...]


def content_key(content: bytes) -> bytes:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).digest()


class DecodedCache:
    """Rows of one form, read and added to by several threads.

    Args:
        folder: of the cache.
        form: text that names all that a row depends on beside the file's content.
        shape: of a row.
        dtype: of a row.
        facts: the structured type of what is known of a row.
        most: rows that may be added.
        limit: the most bytes that the folder may hold.
    """

    def __init__(
        self,
        folder: Path,
        form: str,
        shape: tuple[int, ...],
        dtype: str,
        facts: np.dtype[np.void],
        most: int,
        limit: int,
    ) -> None:
        self._folder, self._shape, self._dtype = folder, shape, np.dtype(dtype)
        self._type = np.dtype([("key", "u1", (32,)), ("facts", facts)])
        self._prefix = hashlib.sha256(f"{_LAYOUT} {form} {facts}".encode()).hexdigest()[:16]
        self._bytes = most * int(np.prod(shape)) * self._dtype.itemsize
        self._limit = limit
        self._known = [*self._read()]
        self._used: set[Path] = set()
        self._lock = threading.Lock()
        self._partial = folder / f"{self._prefix}-{os.getpid()}-{os.urandom(4).hex()}.npy{PARTIAL}"
        self._file: io.BufferedRandom | None = None
        self._added: dict[bytes, np.ndarray] = {}
        self._failed = False

    def find(self, key: bytes) -> StoredRow | None:
        """Return what is kept of a file of some content."""
        kept = next((entries[key] for entries in self._known if key in entries), None)
        if kept is not None:
            self._used.add(kept.path)
        return kept

    def read(self, entry: StoredRow) -> np.ndarray | None:
        """Return the row of an entry; None where another process removed it."""
        rows = StoredRows(entry.path, np.array([entry.slot])).read(np.array([0]))
        return None if rows is None else rows[0]

    def add(self, key: bytes, row: np.ndarray, facts: tuple[object, ...]) -> None:
        """Keep a row; where the disk or the cache is full, none are kept."""
        with self._lock:
            if self._failed or key in self._added:
                return
            try:
                if self._file is None:
                    if not make_room(self._folder, self._bytes, self._limit, self._used):
                        self._failed = True
                        return
                    self._file = self._partial.open("w+b")
                    self._file.write(self._header(0))
                self._file.write(np.ascontiguousarray(row, self._dtype).tobytes())
            except OSError:
                self._failed = True
                return
            self._added[key] = np.array((np.frombuffer(key, "u1"), facts), self._type)

    def finish(self, keys: Sequence[bytes]) -> StoredRows | None:
        """Return the rows of files, in their order; None where they can't be kept.

        Args:
            keys: the content of each file; each is kept already or was added.
        """
        try:
            return self._whole(keys) or self._joined(keys)
        except OSError:
            return None
        finally:
            with suppress(OSError):  # what was not written yet is written once more
                if self._file is not None:
                    self._file.close()
            self._partial.unlink(missing_ok=True)

    def _whole(self, keys: Sequence[bytes]) -> StoredRows | None:
        """Return rows that are all in one file."""
        for entries in self._known:
            if all(key in entries for key in keys):
                path = next(iter(entries.values())).path
                os.utime(path)  # what was used longest ago is removed first
                return StoredRows(path, np.array([entries[key].slot for key in keys]))
        return None

    def _joined(self, keys: Sequence[bytes]) -> StoredRows | None:
        """Write a file of the rows that were added and of those in other files."""
        for key in keys:
            entry = None if key in self._added else self.find(key)
            row = None if entry is None else self.read(entry)
            if entry is not None and row is not None:
                self.add(key, row, entry.facts)
        if self._failed or self._file is None or any(key not in self._added for key in keys):
            return None
        self._file.seek(0)
        self._file.write(self._header(len(self._added)))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        name = hashlib.sha256(b"".join(self._added)).hexdigest()[:16]
        path = self._folder / f"{self._prefix}-{name}.npy"
        known = self._partial.with_suffix(f".facts{PARTIAL}")
        try:
            with known.open("wb") as file:
                np.savez(file, rows=np.stack(list(self._added.values())))
            self._partial.replace(path)
            known.replace(path.with_suffix(".npz"))
        finally:
            known.unlink(missing_ok=True)
        slots = {key: slot for slot, key in enumerate(self._added)}
        return StoredRows(path, np.array([slots[key] for key in keys]))

    def _read(self) -> list[Mapping[bytes, StoredRow]]:
        """Return what is kept of this form, file by file."""
        files: list[Mapping[bytes, StoredRow]] = []
        for known in sorted(self._folder.glob(f"{self._prefix}-*.npz")):
            path = known.with_suffix(".npy")
            try:
                with np.load(known, allow_pickle=False) as file:
                    rows = file["rows"]
                mapped = np.load(path, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, KeyError, EOFError, BadZipFile):
                continue
            if rows.dtype == self._type and mapped.shape == (len(rows), *self._shape):
                keys = (key.tobytes() for key in rows["key"])
                known_facts = enumerate(rows["facts"].tolist())
                entries = {
                    key: StoredRow(path, slot, facts)
                    for key, (slot, facts) in zip(keys, known_facts, strict=True)
                }
                files.append(entries)
        return files

    def _header(self, count: int) -> bytes:
        """Return the first bytes of an `.npy` file, as many for any number of rows."""
        text = io.BytesIO()
        description = {
            "descr": self._dtype.str,
            "fortran_order": False,
            "shape": (count, *self._shape),
        }
        np.lib.format.write_array_header_1_0(text, description)
        return text.getvalue()
