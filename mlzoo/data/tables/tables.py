"""Table files to columns of text or numbers: encoding, delimiter, header, ragged rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mlzoo.core.errors import DataError
from mlzoo.data.objects.store import held, is_reference
from mlzoo.data.tables.cells import MISSING, decimal_columns, decimal_notes, with_points
from mlzoo.data.tables.columnar import read_frame
from mlzoo.data.tables.file_bytes import read_bytes
from mlzoo.data.tables.formats import ending
from mlzoo.data.tables.spreadsheets import read_sheet

DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar", " ": "space"}
SAMPLE_LINES = 50
"""Lines that the delimiter is recognized by."""
DECIDING_ROWS, _DECIDING_CELLS = 200, 100_000
"""Rows below the first, and their cells, that tell at most whether it is a header."""
_OF_ONE_KIND = 0.9
"""Share of a column's cells that must be numbers, or dates, for it to hold them."""
_FEWEST_EVEN = 4
"""Numbers with one step between them, from this many on, name columns (years, wavelengths)."""
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}(\1\d{1,4})?([ T]\d.*)?")


@dataclass(frozen=True)
class Table:
    """Columns by name. Text columns hold `str` or None; number columns hold float64 with NaN.

    `lines` is each row's line in the file, 1 for the first, and `rows` its number without header
    and blank lines, also from 1; `notes` says what was recognized.
    """

    columns: Mapping[str, np.ndarray]
    lines: np.ndarray
    rows: np.ndarray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, position: int) -> str:
        """Return the name of a row for messages."""
        return f"row {self.rows[position]} (line {self.lines[position]})"

    def row_names(self) -> list[str]:
        """Return the name of each row."""
        return [f"row {number}" for number in self.rows.tolist()]

    def only(self, keep: np.ndarray) -> Table:
        """The rows where `keep` is true; they keep their numbers."""
        columns = {name: values[keep] for name, values in self.columns.items()}
        return Table(columns, self.lines[keep], self.rows[keep], self.notes)


def read_table(
    path: Path,
    delimiter: str | None = None,
    header: str = "auto",
    expected: Collection[str] = (),
    part: str | None = None,
) -> Table:
    """Read a file of one of `formats.SUFFIXES`, or a table of Python code by its reference.

    Args:
        path: the file.
        delimiter: one character; None recognizes it.
        header: `yes`, `no`, or `auto`.
        expected: column names that are asked for or that a model was trained on; where the first
            line has all of them, `auto` takes it for a header.
        part: the sheet of a spreadsheet, or the query on a database; None: the first, or the only
            table.

    Raises:
        DataError: empty, undecodable or ragged files; two columns of one name.
    """
    if is_reference(path):
        table: Table = held(path)
        return table
    frame = read_frame(path, part)
    if frame is not None:
        return table_of(frame, str(path))
    notes: list[str] = []
    if ending(path) == ".xlsx":
        rows, first_lines, note = read_sheet(path, part)
        notes += [note] if note else []
    else:
        text, notes = decode(path)
        lines = [line for line in text.splitlines() if line.strip()]
        if not lines:
            raise DataError(f"{path} is empty; expected a header line and one line a sample")
        delimiter = delimiter or find_delimiter(lines[:SAMPLE_LINES])
        rows, first_lines = _rows(path, text, delimiter)
        notes += delimiter_notes(delimiter)
    if delimiter != "," and (columns := decimal_columns(rows)):
        rows = [with_points(row, columns) for row in rows]
        notes += decimal_notes(rows[0], columns)
    named, why = has_header(rows, header, expected)
    notes += header_notes(named, why)
    return text_table(path, rows, first_lines, named, notes=notes)


def delimiter_notes(delimiter: str) -> list[str]:
    """Return a note on a delimiter that is no comma."""
    called = DELIMITERS.get(delimiter, delimiter)
    return [] if delimiter == "," else [f"delimiter: {called} (--source-set delimiter=)"]


def header_notes(named: bool, why: str) -> list[str]:
    """Return a note on a missing header and the reason for taking it so."""
    note = (
        f"header: none{why and f', since {why}'}; the columns are called column1, column2, ... "
        "(--source-set header=yes)"
    )
    return [] if named else [note]


def has_header(
    rows: Sequence[Sequence[str]], header: str, expected: Collection[str] = ()
) -> tuple[bool, str]:
    """Return whether the first row names the columns, and the reason where it does not.

    Args:
        rows: the first rows of a file, as cells.
        header: `yes`, `no`, or `auto`, which recognizes it.
        expected: names that columns should have.
    """
    if header != "auto" or not rows:
        return header == "yes", ""
    deciding = min(DECIDING_ROWS, max(5, _DECIDING_CELLS // len(rows[0])))
    return find_header(rows[: deciding + 1], expected)


def text_table(
    path: Path,
    rows: list[list[str]],
    starts: list[int],
    header: bool,
    before: int = 0,
    notes: Sequence[str] = (),
) -> Table:
    """Return rows of text as a table.

    Args:
        path: the file, for messages.
        rows: of cells.
        starts: the line at which each begins.
        header: whether the first row names the columns.
        before: rows of the file that come before these.
        notes: what was recognized.

    Raises:
        DataError: ragged rows; none below the header; two columns of one name.
    """
    frame, lines = _frame(path, rows, starts, header)
    columns = {str(name): _clean(frame[name]) for name in frame.columns}
    numbers = np.arange(before + 1, before + len(frame) + 1)
    return Table(columns, lines, numbers, tuple(notes))


def decode(path: Path) -> tuple[str, list[str]]:
    """A file's text, by its byte-order mark, else UTF-8, else Windows-1252 (with a note)."""
    raw = read_bytes(path)
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
        try:
            rows = csv.reader(lines, delimiter=candidate, skipinitialspace=True)
            counts = [len(row) for row in rows]
        except csv.Error:  # a line of many columns is one long field to the wrong delimiter
            continue
        if not counts or counts[0] < 2:
            continue
        score = sum(count == counts[0] for count in counts) / len(counts)
        if score > best_score:
            best, best_score = candidate, score
    return best


def find_header(rows: Sequence[Sequence[str]], expected: Collection[str] = ()) -> tuple[bool, str]:
    """Return whether the first row names the columns, and the reason where it does not.

    A text above numbers or dates is a name. A number above numbers is none, unless the first
    row's numbers are evenly spaced, as years beside a name and 0, 1, 2, ... are. Where all columns
    hold text, the first row is data where it repeats itself, or where its cells are values of
    their columns.

    Args:
        rows: the first rows of a file, as cells.
        expected: names that columns should have.
    """
    first = [cell.strip() for cell in rows[0]]
    body = [row for row in rows[1:] if len(row) == len(first)]
    if expected and set(expected) <= set(first) and not _only_value(expected, first, body):
        return True, ""
    if not body:
        named = 2 * sum(_kind(cell) == "number" for cell in first) < len(first)
        return named or all(len(row) == len(first) + 1 for row in rows[1:] or [[]]), ""
    columns = [[cell.strip() for cell in column] for column in zip(*body, strict=True)]
    kinds = [_column_kind(column) for column in columns]
    present = [(i, _kind(cell)) for i, cell in enumerate(first) if _kind(cell) != "missing"]
    naming = [i for i, kind in present if kinds[i] != "text" and kind == "text"]
    alike = [i for i, kind in present if kinds[i] != "text" and kind == kinds[i]]
    above = [first[i] for i in alike]
    # The last column often holds the classes: one of them in the first row makes it a sample.
    own_value = kinds[-1] == "text" and first[-1] in columns[-1]
    if naming and not alike:
        return True, ""
    if naming and (_evenly_spaced(above) or (len(naming) >= len(alike) and not own_value)):
        return True, ""
    if alike and own_value:
        return False, f"{first[-1]!r} in its first row is one of the last column's values"
    if alike:
        counted = [str(i) for i in range(len(above))]  # as pandas names columns without names
        named = _evenly_spaced(above) and not _evenly_spaced([body[0][i] for i in alike])
        named &= above == counted or len(present) > len(alike)
        named |= _years(above) and not any(_years([row[i] for i in alike]) for row in body)
        kind = kinds[alike[0]]
        return named, f"its first row has the {kind} {above[0]!r} where {kind}s follow below"
    return _text_header(first, columns)


def _only_value(
    expected: Collection[str], first: Sequence[str], body: Sequence[Sequence[str]]
) -> bool:
    """Return whether the one expected name is a text that its column holds as a value."""
    if len(expected) > 1:
        return False
    name = next(iter(expected))
    place = first.index(name)
    return _kind(name) == "text" and any(row[place].strip() == name for row in body)


def _text_header(first: list[str], columns: list[list[str]]) -> tuple[bool, str]:
    """`find_header` where no column of numbers or dates tells."""
    names = [cell for cell in first if _kind(cell) != "missing"]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        return False, f"its first row has {repeated[0]!r} more than once"
    known = [cell in column for cell, column in zip(first, columns, strict=True)]
    if known[-1] and len(first) > 1:
        return False, f"{first[-1]!r} in its first row is one of the last column's values"
    if sum(known) * 2 > len(known):
        return False, "most cells of its first row are values of their columns"
    return True, ""


def _kind(cell: str) -> str:
    """`missing`, `number` (a comma may be the decimal point), `date` or `text`."""
    cell = cell.strip()
    if cell.lower() in MISSING:
        return "missing"
    if _as_number(cell) is not None:
        return "number"
    return "date" if _DATE.fullmatch(cell) else "text"


def _column_kind(cells: Sequence[str]) -> str:
    """Return the kind of nearly all of a column's cells: `number`, `date`, or else `text`."""
    counts = Counter(map(_kind, cells))
    known = len(cells) - counts.pop("missing", 0)
    kind, count = counts.most_common(1)[0] if counts else ("text", 0)
    return kind if known and count >= _OF_ONE_KIND * known else "text"


def _evenly_spaced(cells: Sequence[str]) -> bool:
    """Return whether cells are numbers with one step from each to the next."""
    numbers = [_as_number(cell) for cell in cells]
    if len(numbers) < _FEWEST_EVEN or None in numbers:
        return False
    steps = np.diff(np.array(numbers, dtype=float))
    return bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6))


def _years(cells: Sequence[str]) -> bool:
    """Return whether cells are years of our time, several, each after the last."""
    years = [int(cell) for cell in cells if re.fullmatch(r"(19|20)\d\d", cell.strip())]
    return len(years) == len(cells) > 1 and years == sorted(set(years))


def _as_number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", ".")) if any(map(str.isdigit, cell)) else None
    except ValueError:
        return None


def _rows(path: Path, text: str, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """Rows of text cells with the lines they start at, blank lines left out."""
    pairs = list(rows_of(path, io.StringIO(text, newline=""), delimiter))
    if not pairs:
        raise DataError(f"{path} holds no cell with text or a number; expected a table")
    return [row for row, _ in pairs], [start for _, start in pairs]


def rows_of(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Yield rows of text cells with the lines they start at, blank lines left out.

    Args:
        path: the file, for messages.
        lines: of it, with their ends.
        delimiter: one character.

    Raises:
        DataError: a line can't be read.
    """
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    end = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield row, end + 1
            end = reader.line_num
    except csv.Error as error:
        raise DataError(_unreadable(path, end + 1, error)) from None


def _unreadable(path: Path, line: int, error: csv.Error) -> str:
    if "field limit" not in str(error):
        return f"{path}, line {line}: {error}"
    return (
        f"{path}, line {line}: a cell has more than {csv.field_size_limit():,} characters, which "
        "is no value of a table; a quote that opens there may never be closed: close or remove "
        "it, shorten the cell, or name the delimiter with --source-set delimiter="
    )


def _frame(
    path: Path, rows: list[list[str]], starts: list[int], header: bool
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows below the header as columns of text, with the lines they start at."""
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
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(
            f"{path} has more than one column called {', '.join(map(repr, repeated))}; give each "
            "its own name, or, if the first row holds data, use --source-set header=no"
        )
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


def text_cells(values: np.ndarray) -> list[str | None]:
    """Return a column's cells as text, whole numbers without a decimal point; None: missing."""
    if values.dtype == object:
        return list(values)
    return [None if np.isnan(v) else str(int(v)) if v == int(v) else str(v) for v in values]


def known_cells(values: np.ndarray) -> np.ndarray:
    """Return which cells of a column hold a value, (n,) bool."""
    if values.dtype == np.float64:
        return ~np.isnan(values)
    return np.array([value is not None and value == value for value in values], dtype=bool)


def _clean(column: pd.Series) -> np.ndarray:
    return np.array(
        [None if cell.strip().lower() in MISSING else cell.strip() for cell in column], dtype=object
    )


def table_of(frame: pd.DataFrame, what: str, before: int = 0) -> Table:
    """Return a DataFrame as a table; its index is left out.

    Args:
        frame: rows.
        what: how messages call it.
        before: rows that come before these.

    Raises:
        DataError: it has no rows, or two columns of one name.
    """
    names = [str(name) for name in frame.columns]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DataError(f"{what} has more than one column called {', '.join(map(repr, repeated))}")
    if not len(frame):
        raise DataError(f"{what} has no rows")
    columns = {name: plain_values(frame.iloc[:, place]) for place, name in enumerate(names)}
    numbers = np.arange(before + 1, before + len(frame) + 1)
    return Table(columns, numbers, numbers)


def plain_values(column: pd.Series) -> np.ndarray:
    """Return a column as text, None where it is missing, or as float64, then NaN."""
    if pd.api.types.is_bool_dtype(column.dtype) or not pd.api.types.is_numeric_dtype(column.dtype):
        missing = column.isna().to_numpy()
        texts = [None if gone else str(v) for v, gone in zip(column, missing, strict=True)]
        return _clean(pd.Series([t or "" for t in texts], dtype=object))
    return column.to_numpy(dtype=np.float64, na_value=np.nan)
