"""Names that tables have; light, since every path is recognized by them."""

from __future__ import annotations

from pathlib import Path

TEXT = (".csv", ".tsv", ".txt")
COMPRESSED = (".gz", ".zst")
"""Endings of compressed text and JSON lines, after their own."""
JSON_LINES = (".jsonl", ".ndjson")
ARROW = (".feather", ".arrow")
DATABASES = (".db", ".sqlite", ".sqlite3")
SQLITE = "sqlite:///"
"""Beginning of what names a database and a query on it."""
SUFFIXES = (
    *TEXT,
    *(".csv.gz", ".csv.zst", ".tsv.gz", ".tsv.zst"),
    *JSON_LINES,
    *(".jsonl.gz", ".jsonl.zst", ".ndjson.gz", ".ndjson.zst"),
    ".parquet",
    *ARROW,
    ".xlsx",
    ".arff",
    *DATABASES,
)
"""Endings of the names of tables."""


def is_table(path: str | Path) -> bool:
    """Return whether a path ends as the names of tables do."""
    return str(path).lower().endswith(SUFFIXES)


def ending(path: Path) -> str:
    """Return the ending of a table's name in lower case, without that of its compression."""
    name = path.name.lower()
    for end in COMPRESSED:
        name = name.removesuffix(end)
    return Path(name).suffix


def split_query(data: str) -> tuple[str, str | None]:
    """Return the file and the query of `sqlite:///file.db?query=SELECT ...`; any other text alone.

    The query stands there as it is, without escapes.
    """
    if not data.startswith(SQLITE):
        return data, None
    path, _, query = data.removeprefix(SQLITE).partition("?query=")
    return path, query or None
