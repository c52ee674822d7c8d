"""Lock of an open file for one process, by the system where it has `flock`."""

from __future__ import annotations

import os
import re
from typing import IO


def lock(file: IO[str]) -> None:
    """Lock a file that holds `process NUMBER` of its owner, until it is closed.

    Where Python has no `fcntl`, as on Windows, the process that the file names has it as long as
    it runs: two that begin in the same moment may then both get the file.

    Args:
        file: open to read and to append.

    Raises:
        BlockingIOError: another process has it.
    """
    try:
        import fcntl
    except ImportError:
        _check_owner(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _check_owner(file: IO[str]) -> None:
    import psutil

    file.seek(0)
    named = re.fullmatch(r"process (\d+)", file.read().strip())
    if not named or int(named[1]) == os.getpid():
        return
    try:
        began = psutil.Process(int(named[1])).create_time()
    except psutil.Error:
        return
    # A process that began after the file was written has got the number of one that ended.
    if began <= os.fstat(file.fileno()).st_mtime:
        raise BlockingIOError(f"process {named[1]} has {file.name}")
