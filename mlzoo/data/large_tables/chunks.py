"""Tables a number of rows at a time, for files that are larger than memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain, count, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mlzoo.core.errors import DataError
from mlzoo.data.tables.cells import decimal_columns, decimal_notes, with_points
from mlzoo.data.tables.reader import TableReader
from mlzoo.data.tables.tables import (
    DECIDING_ROWS,
    SAMPLE_LINES,
    Table,
    delimiter_notes,
    find_delimiter,
    has_header,
    header_notes,
    rows_of,
    table_of,
    text_table,
)

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")
"""Endings of files that can be read in chunks."""


def table_chunks(location: Path, reader: TableReader, size: int, skip: int = 0) -> Iterator[Table]:
    """Read a table in chunks, in order; only one is held at a time.

    Args:
        location: the file.
        reader: of the data that a model was trained on, whose delimiter and header it has.
        size: rows of a chunk; the last may have fewer.
        skip: chunks to leave out at the beginning.

    Raises:
        DataError: a file of another ending, or one that can't be read, or has no rows.
    """
    if location.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{location} can't be read in parts; write it as one of {', '.join(SUFFIXES)}"
        )
    if location.suffix.lower() == ".parquet":
        yield from _parquet(location, size, skip)
    else:
        given = reader.delimiter, reader.header, reader.input_names
        yield from text_chunks(location, *given, size, skip)


def text_chunks(
    location: Path,
    delimiter: str | None,
    header: str,
    expected: Collection[str],
    size: int,
    skip: int = 0,
    decimals: Collection[int] | None = None,
) -> Iterator[Table]:
    """Read a table of text in chunks, in order; each has the notes on what was recognized.

    Args:
        location: the file.
        delimiter: one character; None recognizes it.
        header: `yes`, `no`, or `auto`.
        expected: names that columns should have; see `read_table`.
        size: rows of a chunk; the last may have fewer.
        skip: chunks to leave out at the beginning.
        decimals: places of columns with decimal commas; None: `decimal_places` of the file.

    Raises:
        DataError: the file can't be read, or has no rows.
    """
    if decimals is None:
        decimals = decimal_places(location, delimiter)
    with _opened(location) as file:
        delimiter, pairs = _pairs(location, file, delimiter)
        if decimals:
            pairs = ((with_points(row, decimals), start) for row, start in pairs)
        deciding = list(islice(pairs, DECIDING_ROWS + 1))
        if not deciding:
            raise DataError(f"{location} holds no cell with text or a number; expected a table")
        rows = [row for row, _ in deciding]
        named, why = has_header(rows, header, expected)
        notes = [*delimiter_notes(delimiter), *decimal_notes(rows[0], decimals)]
        notes += header_notes(named, why)
        names, pairs = deciding[:named], chain(deciding[named:], pairs)
        for number in count():
            chunk = list(islice(pairs, size))
            if not chunk and number:
                return
            if number >= skip:
                rows, starts = map(list, zip(*names, *chunk, strict=True))
                yield text_table(location, rows, starts, named, number * size, notes)


def decimal_places(location: Path, delimiter: str | None) -> tuple[int, ...]:
    """Return the places of a table's columns with decimal commas, by all of its rows.

    Args:
        location: the file, of text, which is read once; one row is held at a time.
        delimiter: one character; None recognizes it.

    Raises:
        DataError: the file can't be read.
    """
    with _opened(location) as file:
        delimiter, pairs = _pairs(location, file, delimiter)
        return () if delimiter == "," else decimal_columns(row for row, _ in pairs)


@contextmanager
def _opened(location: Path) -> Iterator[IO[str]]:
    with location.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise DataError(f"{location} is not UTF-8 ({error.reason}); convert it") from None


def _pairs(
    location: Path, file: IO[str], delimiter: str | None
) -> tuple[str, Iterator[tuple[list[str], int]]]:
    """Return the delimiter, recognized where it is None, and rows with their first lines."""
    first = list(islice(file, SAMPLE_LINES))
    delimiter = delimiter or find_delimiter([line for line in first if line.strip()])
    return delimiter, rows_of(location, chain(first, file), delimiter)


def _parquet(location: Path, size: int, skip: int) -> Iterator[Table]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(location) as file:
            groups, first = _groups_from(file, skip * size)
            waiting = file.schema_arrow.empty_table()
            for batch in file.iter_batches(batch_size=size, row_groups=groups):
                waiting = pyarrow.concat_tables([waiting, pyarrow.Table.from_batches([batch])])
                if first < skip * size:  # rows of the first group that are left out
                    dropped = min(skip * size - first, len(waiting))
                    waiting, first = waiting.slice(dropped), first + dropped
                while len(waiting) >= size:
                    yield table_of(waiting.slice(0, size).to_pandas(), str(location), first)
                    waiting, first = waiting.slice(size), first + size
            if len(waiting) or not first:
                yield table_of(waiting.to_pandas(), str(location), first)
    except pyarrow.ArrowException as error:
        raise DataError(f"{location} can't be read as parquet: {error}") from None


def _groups_from(file: ParquetFile, row: int) -> tuple[list[int], int]:
    """Return the groups from that which holds a row on, and the number of rows before them."""
    counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    first, before = 0, 0
    while first < len(counts) and before + counts[first] <= row:
        before += counts[first]
        first += 1
    return list(range(first, len(counts))), before
