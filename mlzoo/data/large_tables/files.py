"""Tables that are larger than memory: columns are read when they are asked for.

A parquet file of more than `LARGE_BYTES`, or one that a file of text was brought into
(`converting.py`), is read a column at a time, and what a model takes of it is written once, as
float32, to a file without a name in the cache folder, which is gone when the process ends. Values,
splits and scaling are those of the same table in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow
from pyarrow import parquet

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.data.large_tables.converting import Progress, converted, notes_of
from mlzoo.data.large_tables.rows import BATCH, folder
from mlzoo.data.tables.tables import Table, plain_values

LARGE_BYTES = 2**28
"""Bytes of a table's cells as float32 beyond which it stays on disk."""


class FileColumns(Mapping[str, np.ndarray]):
    """Columns of a parquet file by name, each read when it is asked for; the last one is held.

    Args:
        file: the file, or its path.
        names: of the columns.
        rows: positions of the rows that are kept; None: all.
    """

    def __init__(
        self, file: Path | IO[bytes], names: Sequence[str], rows: np.ndarray | None = None
    ) -> None:
        self._file, self._names, self._rows = file, names, rows
        self._last: tuple[str, np.ndarray] | None = None

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        if self._last is None or self._last[0] != name:
            self._last = None  # two are never held
            values = self._read(name)
            self._last = name, values if self._rows is None else values[self._rows]
        return self._last[1]

    def _read(self, name: str) -> np.ndarray:
        known: dict[Any, Any] = {}
        parts = []
        try:
            with parquet.ParquetFile(self._file) as file:
                for batch in file.iter_batches(BATCH, columns=[name]):
                    values = plain_values(batch.to_pandas()[name])
                    if values.dtype == object:  # equal texts are one object
                        values[:] = [known.setdefault(value, value) for value in values]
                    parts.append(values)
        except (OSError, pyarrow.ArrowException) as error:
            raise DataError(f"{self._file} can't be read as parquet: {error}") from None
        return np.concatenate(parts)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def only(self, keep: np.ndarray) -> FileColumns:
        """Return the columns of the rows where `keep` is true."""
        rows = np.flatnonzero(keep) if self._rows is None else self._rows[keep]
        return FileColumns(self._file, self._names, rows)


@dataclass(frozen=True)
class LargeTable(Table):
    """A table whose columns are read when they are asked for; `lines` are numbers of rows."""

    def where(self, position: int) -> str:
        """Return the name of a row for messages."""
        return f"row {self.rows[position]}"

    def only(self, keep: np.ndarray) -> LargeTable:
        """The rows where `keep` is true; they keep their numbers."""
        assert isinstance(self.columns, FileColumns)
        rows = self.rows[keep]
        return replace(self, columns=self.columns.only(keep), lines=rows, rows=rows)


def large_table(
    path: Path,
    delimiter: str | None = None,
    header: str = "auto",
    expected: Sequence[str] = (),
    progress: Progress | None = None,
) -> LargeTable | None:
    """Return a table that is read from its file; None of another format, or of less cells.

    Args:
        path: the file.
        delimiter: of text: one character; None recognizes it.
        header: of text: `yes`, `no`, or `auto`.
        expected: names that columns should have; see `read_table`.
        progress: called as rows of text are brought into parquet.

    Raises:
        DataError: text can't be read.
        ResourceError: the disk is full.
    """
    if path.suffix.lower() == ".parquet":
        if not path.is_file():
            return None
        refuse_special(path)
        return _of_parquet(path)
    text = converted(path, delimiter, header, tuple(expected), LARGE_BYTES // 4, progress)
    return None if text is None else _of_parquet(text)


def _of_parquet(source: Path | IO[bytes]) -> LargeTable | None:
    """Return a parquet file as a table; None of less cells, or where it can't be read."""
    try:
        with parquet.ParquetFile(source) as file:
            rows = file.metadata.num_rows
            frame = file.schema_arrow.empty_table().to_pandas()
            notes = () if isinstance(source, Path) else notes_of(file.schema_arrow)
    except (OSError, pyarrow.ArrowException):
        return None  # which reading it whole explains
    names = tuple(map(str, frame.columns))
    size = rows * len(names) * 4
    if size <= LARGE_BYTES or len(set(names)) < len(names):
        return None
    numbers = np.arange(1, rows + 1)
    note = (
        f"rows: {rows:,} of {size / 2**20:,.0f} MiB stay on disk, in a file without a name in "
        f"{folder()}, and are shuffled in windows"
    )
    return LargeTable(FileColumns(source, names), numbers, numbers, (*notes, note))
