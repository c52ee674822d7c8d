"""Table files to columns of text or numbers: encoding, delimiter, header, ragged rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mlzoo.errors import DataError
from mlzoo.files import refuse_special

DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", " ": "space"}
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "#n/a", "<na>"})
_SAMPLE_LINES = 50


@dataclass(frozen=True)
class Table:
    """Columns by name. Text columns hold `str` or None; number columns hold float64 with NaN.

    `lines` is each row's line in the file, 1 for the first, and `rows` its number without header
    and blank lines, also from 1; `notes` says what was recognised.
    """

    columns: dict[str, np.ndarray]
    lines: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, position: int) -> str:
        """How messages call a row."""
        return f"row {self.rows[position]} (line {self.lines[position]})"

    def row_names(self) -> list[str]:
        """What to call each row."""
        return [f"row {number}" for number in self.rows.tolist()]

    def only(self, keep: np.ndarray) -> Table:
        """The rows where `keep` is true; they keep their numbers."""
        columns = {name: values[keep] for name, values in self.columns.items()}
        return Table(columns, self.lines[keep], self.rows[keep], self.notes)


def read_table(path: Path, delimiter: str | None = None, header: str = "auto") -> Table:
    """Read a .csv, .tsv, .txt or .parquet file.

    Args:
        path: the file.
        delimiter: one character; None recognises it.
        header: `yes`, `no`, or `auto`.

    Raises:
        DataError: empty, undecodable or ragged files; two columns of one name.
    """
    if path.suffix.lower() == ".parquet":
        return _read_parquet(path)
    text, notes = decode(path)
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; expected a header line and one line a sample")
    first = lines[:_SAMPLE_LINES]
    delimiter = delimiter or find_delimiter(first)
    has_header = header == "yes" or (header == "auto" and _looks_like_header(first, delimiter))
    if delimiter != ",":
        notes.append(f"delimiter: {DELIMITERS.get(delimiter, delimiter)} (--source-set delimiter=)")
    if not has_header:
        notes.append("header: none, so columns are column1, column2, ... (--source-set header=yes)")
    frame, starts = _parse(path, text, delimiter, has_header)
    columns = {str(name): _clean(frame[name]) for name in frame.columns}
    return Table(columns, starts, np.arange(1, len(frame) + 1), tuple(notes))


def decode(path: Path) -> tuple[str, list[str]]:
    """A file's text, by its byte-order mark, else UTF-8, else Windows-1252 (with a note)."""
    refuse_special(path)
    raw = path.read_bytes()
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"),
                           (b"\xfe\xff", "utf-16")):  # fmt: skip
        if raw.startswith(mark):
            return _decode(path, raw, encoding), [f"encoding: {encoding}, from its byte-order mark"]
    if b"\0" in raw[:4096]:
        raise DataError(f"{path} is not a text file (it holds zero bytes); expected .csv or .tsv")
    try:
        return raw.decode("utf-8"), []
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace"), ["encoding: not UTF-8, read as Windows-1252"]


def _decode(path: Path, raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} says it is {encoding} but is not: {error}") from None


def find_delimiter(lines: Sequence[str]) -> str:
    """The character that cuts the most lines into as many fields as the first line has."""
    best, best_score = ",", 0.0
    for candidate in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=candidate, skipinitialspace=True)]
        if not counts or counts[0] < 2:
            continue
        score = sum(count == counts[0] for count in counts) / len(counts)
        if score > best_score:
            best, best_score = candidate, score
    return best


def _looks_like_header(lines: Sequence[str], delimiter: str) -> bool:
    cells = next(csv.reader(lines[:1], delimiter=delimiter, skipinitialspace=True))
    numbers = sum(_is_number(cell) for cell in cells)
    return numbers * 2 < len(cells)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parse(path: Path, text: str, delimiter: str, header: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of text cells with the lines they start at, blank lines left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    starts: list[int] = []
    end = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                starts.append(end + 1)
            end = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None
    names = [cell.strip() for cell in rows[0]] if header else None
    names = names or [f"column{i + 1}" for i in range(len(rows[0]))]
    rows, starts = rows[header:], starts[header:]
    names = _named(path, names, rows)
    _check_widths(path, rows, starts, len(names))
    return pd.DataFrame(rows, columns=names, dtype=object), np.array(starts, dtype=int)


def _named(path: Path, names: list[str], rows: list[list[str]]) -> list[str]:
    if rows and all(len(row) == len(names) + 1 for row in rows):
        names = ["row_name", *names]  # R's write.table leaves the row names' header out
    names = [name or f"column{i + 1}" for i, name in enumerate(names)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path} has more than one column called {', '.join(map(repr, twice))}")
    return names


def _check_widths(path: Path, rows: list[list[str]], starts: list[int], width: int) -> None:
    wrong = [
        (start, len(row)) for row, start in zip(rows, starts, strict=True) if len(row) != width
    ]
    if wrong:
        listed = ", ".join(f"line {line} has {count}" for line, count in wrong[:5])
        more = f" and {len(wrong) - 5} more lines" if len(wrong) > 5 else ""
        raise DataError(
            f"{path}: {width} columns, but {listed}{more}; mend the file, or name the delimiter "
            "with --source-set delimiter="
        )
    if not rows:
        raise DataError(f"{path} has a header but no rows")


def _clean(column: pd.Series) -> np.ndarray:
    return np.array(
        [None if cell.strip().lower() in MISSING else cell.strip() for cell in column], dtype=object
    )


def _read_parquet(path: Path) -> Table:
    refuse_special(path)
    try:
        frame = pd.read_parquet(path)
    except Exception as error:
        raise DataError(f"{path} can't be read as parquet: {error}") from None
    if not len(frame):
        raise DataError(f"{path} has no rows")
    columns = {str(name): _plain(frame[name]) for name in frame.columns}
    numbers = np.arange(1, len(frame) + 1)
    return Table(columns, numbers, numbers)


def _plain(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        missing = column.isna().to_numpy()
        texts = [None if gone else str(v) for v, gone in zip(column, missing, strict=True)]
        return _clean(pd.Series([t or "" for t in texts], dtype=object))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
