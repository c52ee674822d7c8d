"""Lock of an open file for one process where Python has no `fcntl`, as on Windows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO


def lock_by_owner(file: IO[str]) -> None:
    """Refuse a file whose text, `process NUMBER`, names another process that runs.

    Two that begin in the same moment may both get the file.

    Args:
        file: open to read and to append.

    Raises:
        BlockingIOError: another process has it.
    """
    file.seek(0)
    owner = _owner(file.read(), os.fstat(file.fileno()).st_mtime)
    if owner not in (None, os.getpid()):
        raise BlockingIOError(f"process {owner} has {file.name}")


def is_owned(path: Path) -> bool:
    """Return whether a process of this machine that runs wrote a lock; the file is not locked.

    Args:
        path: of a lock, which may be missing.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _owner(file.read(40), os.fstat(file.fileno()).st_mtime) is not None
    except OSError:
        return False


def _owner(text: str, written: float) -> int | None:
    """Return the number of the process that a lock's text names, if it runs.

    Args:
        text: of the lock.
        written: when it was written, in seconds since 1970.
    """
    import psutil

    named = re.fullmatch(r"process (\d{1,9})", text.strip())
    if not named:
        return None
    try:
        began = psutil.Process(int(named[1])).create_time()
    except psutil.Error:
        return None
    # A process that began after the file was written has got the number of one that ended.
    return int(named[1]) if began <= written else None
