"""Files that are either there whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlzoo.errors import DataError, MlzooError, ResourceError, UsageError, find_disk_full


def expand(path: str | Path) -> Path:
    """Return a path with `~` and `~user` replaced by the home folder.

    Raises:
        UsageError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0]
        raise UsageError(
            f"{path}: there is no home folder of a user {user[1:]!r}; write ./{path} where {user} "
            "is a folder"
        ) from None


def real_path(path: str | Path) -> Path:
    """Return a path from the root on, links followed as far as they lead somewhere."""
    return Path(os.path.realpath(path))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a folder; a link to itself is none."""
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
    return next((words for is_kind, words in _SPECIAL if is_kind(mode)), None)


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
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text; half characters, as of file names that are no UTF-8, escaped."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` of JSON; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises UsageError where a pipe or a device stands there."""
    refuse_special(path, UsageError)
    return json.loads(path.read_text(encoding="utf-8"))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV, with a header of all their keys in order of appearance."""
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


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


def disk_full(error: BaseException, path: object = None) -> str:
    """Return the sentence for an error of `find_disk_full`.

    Args:
        error: the error that was caught.
        path: the file or folder that was written; by default what the error names.
    """
    path = path or getattr(error, "filename", None)
    named = f": {path} could not be written" if path else ""
    if getattr(error, "errno", None) == errno.EFBIG or "File too large" in str(error):
        return f"the limit of a file's size is reached (ulimit -f){named}; raise it"
    return f"the disk is full{named}; free some space"


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
