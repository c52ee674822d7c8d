"""Tables of text that are larger than memory, brought once into a parquet file of the cache.

The file is named by the content of the text and by what was recognized in it, and is there whole or
not at all; what was used longest ago makes room for others.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from mlzoo.core.errors import DataError
from mlzoo.core.files import disk_errors, refuse_special
from mlzoo.data.decoded.space import PARTIAL, CacheChoice, make_room
from mlzoo.data.large_tables.chunks import decimal_places, text_chunks
from mlzoo.data.large_tables.rows import BATCH, folder
from mlzoo.data.tables.tables import Table

SUFFIXES = (".csv", ".tsv", ".txt")
"""Endings of files of text that are brought into parquet."""
_SAMPLE = 2**20
"""Bytes by which the number of cells is estimated."""
_OURS = f"{'[0-9a-f]' * 32}.parquet*"
"""Pattern of the names of the files."""
_LAYOUT = 2
"""Changes with how cells are read."""
_NOTES = b"mlzoo.notes"
"""Name of the notes among the metadata of the files."""

Progress = Callable[[int, int, str], Any]


def converted(
    path: Path,
    delimiter: str | None,
    header: str,
    expected: tuple[str, ...],
    most_cells: int,
    progress: Progress | None = None,
) -> IO[bytes] | None:
    """Return a table of text as an open parquet file.

    Args:
        path: the file.
        delimiter: one character; None recognizes it.
        header: `yes`, `no`, or `auto`.
        expected: names that columns should have; see `read_table`.
        most_cells: number of cells up to which a table is read as a whole.
        progress: called as rows are read.

    Returns:
        The file; None of another format, of less cells, or of text that is not UTF-8.

    Raises:
        DataError: the table is ragged or can't be read.
        ResourceError: the disk is full.
    """
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return None
    refuse_special(path)
    if path.stat().st_size <= 2 * most_cells:  # each takes a character and a delimiter
        return None

    def chunks(size: int, decimals: tuple[int, ...]) -> Iterator[Table]:
        return text_chunks(path, delimiter, header, expected, size, decimals=decimals)

    try:
        first = next(chunks(1, ()))
        rows = _estimated_rows(path)
        if rows * len(first.columns) <= most_cells:
            return None
        place = folder() / f"{_key(path, first)}.parquet"
        with suppress(OSError):
            file = place.open("rb")
            os.utime(place)  # what was used longest ago is removed first
            return file
        folder().mkdir(parents=True, exist_ok=True)
        make_room(folder(), path.stat().st_size, CacheChoice().limit, pattern=_OURS)
        decimals = decimal_places(path, delimiter)
        _convert(lambda: chunks(BATCH, decimals), place, rows, progress)
        return place.open("rb")
    except DataError as error:
        if "is not UTF-8" in str(error):
            return None  # which reading it whole can do
        raise


def notes_of(schema: pyarrow.Schema) -> tuple[str, ...]:
    """Return the notes on what was recognized in a table of text, by its file's schema."""
    return tuple(json.loads(schema.metadata[_NOTES]))


def _estimated_rows(path: Path) -> int:
    """Return about how many lines a file has, by those of its beginning."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    return int(path.stat().st_size / len(sample) * max(sample.count(b"\n"), 1))


def _key(path: Path, first: Table) -> str:
    """Return the name of a table's parquet file."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    recognized = f"{_LAYOUT} {content} {[*first.columns]} {first.notes}"
    return hashlib.sha256(recognized.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _convert(
    chunks: Callable[[], Iterator[Table]], place: Path, rows: int, progress: Progress | None
) -> None:
    """Write all rows; begun anew where text follows in a column that began with numbers."""
    partial = place.with_name(f"{place.name}.{os.getpid()}{PARTIAL}")
    texts: set[str] = set()
    try:
        with disk_errors(place):
            while wrong := _written(chunks(), partial, texts, rows, progress):
                texts |= wrong
            os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)


def _written(
    chunks: Iterator[Table], partial: Path, texts: set[str], rows: int, progress: Progress | None
) -> set[str]:
    """Write rows until a column of numbers holds text; return the names of such columns."""
    writer: parquet.ParquetWriter | None = None
    numbers: set[str] = set()
    done = 0
    try:
        for table in chunks:
            parsed = {name: _parsed(v) for name, v in table.columns.items() if name not in texts}
            known = {name: values for name, values in parsed.items() if values is not None}
            if writer is None:
                numbers = {*known}
                types = [
                    (name, pyarrow.float64() if name in numbers else pyarrow.string())
                    for name in table.columns
                ]
                notes = {_NOTES: json.dumps(table.notes)}
                writer = parquet.ParquetWriter(partial, pyarrow.schema(types, notes))
            if wrong := numbers - {*known}:
                return wrong
            columns = {n: known[n] if n in numbers else v for n, v in table.columns.items()}
            writer.write_table(pyarrow.table(columns, schema=writer.schema))
            done += len(table)
            if progress is not None:
                progress(min(done, rows), rows, "converting rows to parquet")
    finally:
        if writer is not None:
            writer.close()
    return set()


def _parsed(values: np.ndarray) -> np.ndarray | None:
    """Return cells as float64, NaN where one is missing; None where any is text."""
    missing = np.array([value is None for value in values])
    parsed = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(float)
    return None if (np.isnan(parsed) & ~missing).any() else parsed
