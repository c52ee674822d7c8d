"""Files of typed columns as DataFrames: parquet, Arrow, JSON lines, ARFF and SQLite."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow
from pyarrow import ipc

from mlzoo.core.errors import DataError
from mlzoo.core.files import refuse_special
from mlzoo.core.messages import few
from mlzoo.data.tables.file_bytes import read_bytes
from mlzoo.data.tables.formats import ARROW, DATABASES, JSON_LINES, ending

_READS = frozenset(
    (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
)
"""Actions that a query may take: none attaches another file or changes anything."""


def read_frame(path: Path, query: str | None = None) -> pd.DataFrame | None:
    """Return the rows of a file of typed columns; None of a text or a spreadsheet.

    Args:
        path: the file.
        query: SQL that selects the rows of a database; None: all of its only table.

    Raises:
        DataError: it can't be read as what its name says; a database of several tables without
            a query, or a query that fails.
    """
    suffix = ending(path)
    read = _READERS.get(suffix)
    if read is None and suffix not in DATABASES:
        return None
    refuse_special(path)
    if read is None:
        return _sqlite(path, query)
    try:
        return read(path)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path} can't be read as {_NAMES[suffix]}: {error}") from None


def _arrow(path: Path) -> pd.DataFrame:
    with pyarrow.memory_map(str(path)) as source:
        try:
            table = ipc.open_file(source).read_all()
        except pyarrow.ArrowInvalid:  # a stream, as `datasets` writes, or no Arrow at all
            source.seek(0)
            table = ipc.open_stream(source).read_all()
        return table.to_pandas()


def _json_lines(path: Path) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    lines = io.TextIOWrapper(io.BytesIO(read_bytes(path)), encoding="utf-8-sig")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: it is not valid JSON ({error})") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: got {line.strip()[:40]}, not names and values")
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame({name: [row.get(name) for row in rows] for name in names})


def _arff(path: Path) -> pd.DataFrame:
    from scipy.io import arff

    longest = csv.field_size_limit()  # which SciPy lifts for the whole process
    try:
        rows, _ = arff.loadarff(io.StringIO(read_bytes(path).decode("utf-8-sig")))
    finally:
        csv.field_size_limit(longest)
    frame = pd.DataFrame(rows)
    texts = frame.select_dtypes("object").columns
    return frame.assign(**{name: frame[name].str.decode("utf-8") for name in texts})


def _sqlite(path: Path, query: str | None) -> pd.DataFrame:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            connection.set_authorizer(_only_reads)
            cursor = connection.execute(query or _whole_table(path, connection))
            names = [column[0] for column in cursor.description or ()]
            if not names:
                raise DataError(f"{path}: the query {query!r} selects nothing")
            return pd.DataFrame(cursor.fetchall(), columns=names)
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        failure = (
            f"the query {query!r} fails" if query else "it can't be read as an SQLite database"
        )
        raise DataError(f"{path}: {failure}: {error}") from None


def _only_reads(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _whole_table(path: Path, connection: sqlite3.Connection) -> str:
    """Return the query for all rows of a database's only table."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite_%' ORDER BY name"
    )
    quoted = ['"{}"'.format(name.replace('"', '""')) for (name,) in tables]
    if len(quoted) != 1:
        raise DataError(
            f"{path} holds {len(quoted)} tables ({few(quoted)}); select rows with --source-set "
            "query='SELECT * FROM ...'"
        )
    return f"SELECT * FROM {quoted[0]}"


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".arff": _arff,
    **dict.fromkeys(ARROW, _arrow),
    **dict.fromkeys(JSON_LINES, _json_lines),
}
_NAMES = {
    ".parquet": "parquet",
    ".arff": "ARFF",
    **dict.fromkeys(ARROW, "Arrow"),
    **dict.fromkeys(JSON_LINES, "JSON lines"),
}
