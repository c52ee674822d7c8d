"""Tables a number of rows at a time, for files that are larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import chain, count, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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
    numbered = numbered_chunks(location, reader, size, lambda number: number >= skip)
    return (table for _, table in numbered if table is not None)


def numbered_chunks(
    location: Path, reader: TableReader, size: int, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, Table | None]]:
    """Read some chunks of a table, in order; yield the number of each, and None for the others.

    Args:
        location: as in `table_chunks`, with its errors.
        reader: the same.
        size: the same.
        wanted: whether a chunk is read, by its number from 0.
    """
    if location.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{location} can't be read in parts; write it as one of {', '.join(SUFFIXES)}"
        )
    if location.suffix.lower() == ".parquet":
        yield from _parquet(location, size, wanted)
    else:
        given = reader.delimiter, reader.header, reader.input_names
        yield from _text(location, *given, size, wanted, None)


def text_chunks(
    location: Path,
    delimiter: str | None,
    header: str,
    expected: Collection[str],
    size: int,
    decimals: Collection[int] | None = None,
) -> Iterator[Table]:
    """Read a table of text in chunks, in order; each has the notes on what was recognized.

    Args:
        location: the file.
        delimiter: one character; None recognizes it.
        header: `yes`, `no`, or `auto`.
        expected: names that columns should have; see `read_table`.
        size: rows of a chunk; the last may have fewer.
        decimals: places of columns with decimal commas; None: `decimal_places` of the file.

    Raises:
        DataError: the file can't be read, or has no rows.
    """
    given = location, delimiter, header, expected
    numbered = _text(*given, size, lambda number: True, decimals)
    return (table for _, table in numbered if table is not None)


def _text(
    location: Path,
    delimiter: str | None,
    header: str,
    expected: Collection[str],
    size: int,
    wanted: Callable[[int], bool],
    decimals: Collection[int] | None,
) -> Iterator[tuple[int, Table | None]]:
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
            table = None
            if wanted(number):
                rows, starts = map(list, zip(*names, *chunk, strict=True))
                table = text_table(location, rows, starts, named, number * size, notes)
            yield number, table


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


def _parquet(
    location: Path, size: int, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, Table | None]]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(location) as file:
            total = max(-(-file.metadata.num_rows // size), 1)
            skip = next((number for number in range(total) if wanted(number)), total)
            yield from ((number, None) for number in range(skip))
            if skip == total:
                return
            groups, first = _groups_from(file, skip * size)
            waiting = file.schema_arrow.empty_table()
            for batch in file.iter_batches(batch_size=size, row_groups=groups):
                waiting = pyarrow.concat_tables([waiting, pyarrow.Table.from_batches([batch])])
                if first < skip * size:  # rows of the first group that are left out
                    dropped = min(skip * size - first, len(waiting))
                    waiting, first = waiting.slice(dropped), first + dropped
                while len(waiting) >= size:
                    yield _numbered(waiting.slice(0, size), location, first, size, wanted)
                    waiting, first = waiting.slice(size), first + size
            if len(waiting) or not first:
                yield _numbered(waiting, location, first, size, wanted)
    except pyarrow.ArrowException as error:
        raise DataError(f"{location} can't be read as parquet: {error}") from None


def _numbered(
    rows: Any, location: Path, first: int, size: int, wanted: Callable[[int], bool]
) -> tuple[int, Table | None]:
    """Return the number of a chunk that begins with row `first`, and its table if it is wanted."""
    number = first // size
    return number, table_of(rows.to_pandas(), str(location), first) if wanted(number) else None


def _groups_from(file: ParquetFile, row: int) -> tuple[list[int], int]:
    """Return the groups from that which holds a row on, and the number of rows before them."""
    counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    first, before = 0, 0
    while first < len(counts) and before + counts[first] <= row:
        before += counts[first]
        first += 1
    return list(range(first, len(counts))), before
