"""Files that are either there whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mlzoo.errors import ResourceError

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet computes; the last are =, +, - and @ in full width."""
_safe = False


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file in one step: written beside it, flushed to the disk, then renamed.

    Raises:
        ResourceError: the disk is full.
    """
    temporary = path.with_name(f".{path.name}.writing")
    with disk_errors(path):
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` of JSON; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV, with a header of all their keys in order of appearance."""
    buffer = io.StringIO()
    header = list(dict.fromkeys(key for row in rows for key in row))
    write_rows(buffer, header, ([row.get(name, "") for name in header] for row in rows))
    return buffer.getvalue()


def write_rows(file: IO[str], header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and rows as CSV; with `safe_csv` texts that begin as formulas are quoted."""
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    for row in itertools.chain([header], rows):
        writer.writerow(_quoted(row) if _safe else row)


class _Lines:
    """Lines that end in a line feed alone, of a writer that quotes cells with any line end."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")


@contextmanager
def safe_csv(on: bool | None = None) -> Iterator[None]:
    """Whether CSV that is written within is safe to open in a spreadsheet.

    A text that begins as a formula does (=, +, -, @, a tab or a line end) and is no number gets an
    apostrophe before it, which spreadsheets take for "this is text". None: as it was.
    """
    global _safe
    before = _safe
    try:
        quote_formulas(before if on is None else on)
        yield
    finally:
        quote_formulas(before)


def quote_formulas(on: bool) -> None:
    """Write CSV safe for spreadsheets from here on; see `safe_csv`."""
    global _safe
    _safe = on


def unquoted(cell: str) -> str:
    """A cell of CSV as it was before `safe_csv` quoted it."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _FORMULAS else cell


def _quoted(row: Sequence[Any]) -> list[Any]:
    return [f"'{cell}" if _is_formula(cell) else cell for cell in row]


def _is_formula(cell: Any) -> bool:
    if not isinstance(cell, str) or not cell.startswith(_FORMULAS):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk and a folder that can't be written to into ResourceError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(
                f"the disk is full: {path} could not be written; free some space and go on with "
                "--resume, nothing that was finished is lost"
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise ResourceError(f"{path} can't be written to: {error.strerror}") from error
        raise


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Have a folder filled under a temporary name, then give it its own.

    A folder that has the name already is replaced, or stays as it was where anything fails.

    Raises:
        ResourceError: the disk is full or can't be written to.
    """
    partial = folder.with_name(f".{folder.name}.writing-{os.getpid()}")
    old = folder.with_name(f".{folder.name}.replaced-{os.getpid()}")
    with disk_errors(folder):
        try:
            partial.mkdir(parents=True)
            fill(partial)
            if folder.exists():
                folder.rename(old)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            if old.exists():
                old.rename(folder)
            raise
    shutil.rmtree(old, ignore_errors=True)
