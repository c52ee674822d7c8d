"""Files that are either there whole or not at all."""

from __future__ import annotations

import csv
import errno
import glob
import hashlib
import io
import itertools
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mlzoo.core.errors import (
    DataError,
    MlzooError,
    ResourceError,
    UsageError,
    disk_full,
    find_disk_full,
)

SEALED = "# This file ends in its checksum.\n"
"""The first line of a configuration that `SEAL` and a checksum end."""
SEAL = "# A run is resumed only with the settings it started with; their SHA-256: "
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of cells that spreadsheets compute; the last are =, +, -, @ in full width."""
_ROWS = 2**14
"""Rows of columns that are held as Python objects at once."""
_safe = False
_shipment: Path | None = None
"""Folder of files that another machine has sent, each below it at the path that it has there."""


def expand(path: str | Path) -> Path:
    """Return a path with `~` and `~user` replaced by the home folder; of an address, its copy.

    Raises:
        UsageError: there is no such user.
        DataError, ResourceError: there is nothing at the address, or it can't be reached.
    """
    if "://" in (address := str(path)):
        from mlzoo.core.remote.download import is_address, local_copy

        if is_address(address):
            return local_copy(address)
    try:
        return _shipped(Path(path).expanduser())
    except RuntimeError:
        user = Path(path).parts[0]
        raise UsageError(
            f"{path}: there is no home folder of a user {user[1:]!r}; write ./{path} where {user} "
            "is a folder"
        ) from None


def _shipped(path: Path) -> Path:
    """Return where the copy of a file lies that another machine has sent; else the path."""
    if _shipment is None or not path.is_absolute() or path.is_relative_to(_shipment):
        return path
    copy = _shipment / path.relative_to(path.anchor)
    return copy if is_there(copy) else path


def use_shipment(folder: Path | None) -> None:
    """Look for files of absolute paths below a folder first, which another machine has filled."""
    global _shipment
    _shipment = folder


def original(path: Path) -> Path:
    """Return the path that a file has on the machine that has sent it."""
    if _shipment is None or not path.is_relative_to(_shipment):
        return path
    return Path("/") / path.relative_to(_shipment)


def recorded(path: str) -> str:
    """Return a path as a run keeps it: absolute where it is there, an address as it is."""
    location = expand(path)
    known = is_there(location) and "://" not in path
    return str(original(location.resolve())) if known else path


def is_there(location: Path) -> bool:
    """Return whether a file or a folder is there, or files whose names fit a pattern."""
    return location.exists() or ("*" in location.name and bool(glob.glob(str(location))))


def real_path(path: str | Path) -> Path:
    """Return a path from the root on, links followed as far as they lead somewhere."""
    return Path(os.path.realpath(path))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is a folder; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def special_kind(path: str | Path) -> str | None:
    """Name what a path is where it is neither a file nor a folder, so that reading may not end.

    Returns:
        Words such as "a pipe (FIFO)"; None for files, folders, and where nothing is there.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return "a link that leads to itself" if error.errno == errno.ELOOP else None
    except ValueError:  # no path at all
        return None
    return next((kind for is_kind, kind in _SPECIAL if is_kind(mode)), None)


_SPECIAL = (
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def refuse_special(path: str | Path, error: type[MlzooError] = DataError) -> None:
    """Raise an error where a path is a pipe, a device, a socket or a link to itself."""
    kind = special_kind(path)
    if kind is not None:
        raise error(f"{path} is {kind}, not a file; give a file or a folder")


def as_text(name: str | Path) -> str:
    """Return a file's name as text that UTF-8 can hold: bytes that are no UTF-8 are escaped."""
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


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
        except BaseException:  # signals too
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text; half characters, as of file names that are no UTF-8, escaped."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` of JSON; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        DataError: the file is missing, empty or no text; it is named.
        UsageError: a pipe or a device stands there.
    """
    refuse_special(path, UsageError)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise damaged(path, "is damaged: it is not UTF-8 text") from None
    except OSError as error:
        raise damaged(path, f"can't be read: {error.strerror or error}") from None
    if not text.strip():
        raise damaged(path, "is empty")
    return text


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        DataError: the file is missing, empty or damaged; it is named.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"is damaged: it is not valid JSON ({error})") from None


def read_mapping(path: Path, needed: Iterable[str] = ()) -> dict[str, Any]:
    """Return the names and values of a JSON or YAML file.

    Args:
        path: a YAML file where it ends in `.yaml`, else JSON.
        needed: names that must be there.

    Raises:
        DataError: the file is missing, empty, damaged or holds something else; it is named.
    """
    content: Any
    if path.suffix == ".yaml":
        import yaml

        text = read_text(path)
        if text.startswith(SEALED) and SEAL not in text:
            raise damaged(path, "is damaged: its end is missing")
        try:
            content = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise damaged(path, f"is damaged: it is not valid YAML ({reason})") from None
    else:
        content = read_json(path)
    if not isinstance(content, dict):
        raise damaged(path, "is damaged: it holds no names and values")
    missing = [name for name in needed if name not in content]
    if missing:
        raise damaged(path, f"is damaged: it lacks {', '.join(missing)}")
    return content


def read_rows(path: Path, by_hand: bool = False) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV file, as text.

    Args:
        path: the file.
        by_hand: see `each_row`.

    Raises:
        DataError: the file is missing, empty or damaged, or rows differ in length; it is named.
    """
    header, *rows = each_row(path, by_hand)
    return header, rows


def each_row(path: Path, by_hand: bool = False) -> Iterator[list[str]]:
    """Yield the header and then the rows of a CSV file, as text, one at a time.

    Args:
        path: the file.
        by_hand: a person may have written it: its last line needs no end.

    Raises:
        DataError: as `read_rows`, once what is wrong is reached; or the last line has no end, which
            tells a file that was cut within a number.
        UsageError: a pipe or a device stands there.
    """
    refuse_special(path, UsageError)
    width = 0
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.reader(file)):
                width = width or len(row)
                if len(row) != width or not width:
                    count = f"{len(row)} of {width} values"
                    raise damaged(path, f"is damaged: row {number} has {count}")
                yield row
        if not by_hand:
            check_end(path)
    except csv.Error as error:
        raise damaged(path, f"is damaged: it is not valid CSV ({error})") from None
    except UnicodeDecodeError:
        raise damaged(path, "is damaged: it is not UTF-8 text") from None
    except OSError as error:
        raise damaged(path, f"can't be read: {error.strerror or error}") from None
    if not width:
        raise damaged(path, "is empty")


def check_end(path: Path) -> None:
    """Raise DataError if the last line of a text file of ours has no end: the file was cut."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        if file.read() not in (b"", b"\n", b"\r"):
            raise damaged(path, "is damaged: its last line has no end, so it was cut short")


def damaged(path: Path, problem: str) -> DataError:
    """Return the error that names a file that can't be used, and its problem ("is empty")."""
    return DataError(f"{path} {problem}; restore it from a copy")


def write_sealed(path: Path, content: Any) -> None:
    """Write a JSON file that holds its own checksum beside its content."""
    content = json.loads(json.dumps(content, allow_nan=False))  # as it will be read
    write_json(path, {"checksum": _checksum(content), "content": content})


def read_sealed(path: Path) -> Any:
    """Return what `write_sealed` wrote.

    Raises:
        DataError: the file is missing or damaged, or does not match its checksum; it is named.
    """
    record = read_mapping(path, ("checksum", "content"))
    if record["checksum"] != _checksum(record["content"]):
        raise damaged(path, "is damaged: its content does not match its checksum")
    return record["content"]


def _checksum(content: Any) -> str:
    """Return the SHA-256 of JSON content, whatever its layout in a file."""
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def write_columns(path: Path, columns: Sequence[tuple[str, Any]]) -> None:
    """Write columns of one length as CSV, a few rows at a time.

    Args:
        path: the file.
        columns: name and values of each: lists, arrays, or what is made when it is asked for.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        write_rows(file, [name for name, _ in columns], rows_of([each for _, each in columns]))


def rows_of(columns: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of columns of one length; values of arrays become Python's own."""
    for start in range(0, len(columns[0]), _ROWS):
        few = [column[start : start + _ROWS] for column in columns]
        plain = (each.tolist() if hasattr(each, "tolist") else each for each in few)
        yield from zip(*plain, strict=True)


class _Lines:
    """Lines that end in a line feed alone, of a writer that quotes cells with any line end."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")


@contextmanager
def safe_csv(on: bool | None = None) -> Iterator[None]:
    """Return whether CSV that is written within is safe to open in a spreadsheet.

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


def is_safe() -> bool:
    """Return whether CSV is written safe for spreadsheets; see `safe_csv`."""
    return _safe


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
    """Turn the system's errors of writing into ours.

    Raises:
        ResourceError: the disk is full, or the folder must not be written to.
        UsageError: there is no such folder.
    """
    try:
        yield
    except OSError as error:
        if find_disk_full(error) is not None:
            raise ResourceError(disk_full(error, path)) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise ResourceError(f"{path} can't be written to: {error.strerror}") from error
        if error.errno == errno.ENOENT and not path.parent.is_dir():
            raise UsageError(f"there is no folder {path.parent} for {path.name}") from error
        raise
