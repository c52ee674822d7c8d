"""The journal of a search: an append-only file that survives being killed at any moment.

Each line is `CHECKSUM RECORD`: a record as JSON, and the first 16 hexadecimal digits of the
SHA-256 of the previous checksum and the record. An incomplete last line is removed; any other
mismatch is damage and raises an error.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from mlzoo.core.errors import DataError
from mlzoo.core.files import disk_errors

JOURNAL = "journal.jsonl"
"""Name of the journal in the folder of a search."""
STRATEGIES = "strategies.csv"
SEARCHES = "searches"
"""The table of a finished comparison of strategies, beside its journal."""
_START = "0" * 16


class Journal:
    """Journal that is open for appending; `records` are those in the file.

    Raises:
        DataError: a line within the file is damaged.
        ResourceError: the file can't be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[dict[str, Any]] = []
        self._sum = _START
        content = path.read_bytes() if path.exists() else b""
        good = 0
        for record, checksum, end in _read(path, content):
            self.records.append(record)
            self._sum, good = checksum, end
        with disk_errors(path):
            self._file = path.open("ab")
            if good < len(content):
                self._file.truncate(good)
                os.fsync(self._file.fileno())

    def append(self, record: Mapping[str, object]) -> None:
        """Append a record, and wait until it is on the disk."""
        text = json.dumps(record, allow_nan=False, ensure_ascii=False)
        checksum = _checksum(self._sum, text)
        with disk_errors(self.path):
            self._file.write(f"{checksum} {text}\n".encode())
            self._file.flush()
            # A trial that took hours must outlive a loss of power.
            os.fsync(self._file.fileno())
        self._sum = checksum
        self.records.append(dict(record))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


def read(path: Path) -> list[dict[str, Any]]:
    """Read the records of a journal without changing it.

    Raises:
        DataError: a line within the file is damaged.
    """
    return [record for record, _, _ in _read(path, path.read_bytes())]


def _read(path: Path, content: bytes) -> Iterator[tuple[dict[str, object], str, int]]:
    """Yield each record with its checksum and the end of its line; skip an incomplete last line."""
    before, end = _START, 0
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        end += len(line) + 1
        checksum, _, text = line.decode("utf-8", "replace").partition(" ")
        if checksum != _checksum(before, text):
            if number == len(lines) - 1 and not lines[-1]:
                return
            raise DataError(
                f"{path}:{number}: this line of the journal is damaged; restore the file from a "
                "copy, or start a new search with --overwrite"
            )
        before = checksum
        yield json.loads(text), checksum, end


def _checksum(before: str, text: str) -> str:
    return hashlib.sha256(f"{before} {text}".encode()).hexdigest()[:16]
