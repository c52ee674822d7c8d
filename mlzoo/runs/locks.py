"""Lock of an open file for one process where Python has no `fcntl`, as on Windows."""

from __future__ import annotations

import os
import re
from typing import IO


def lock_by_owner(file: IO[str]) -> None:
    """Refuse a file whose text, `process NUMBER`, names another process that runs.

    Two that begin in the same moment may both get the file.

    Args:
        file: open to read and to append.

    Raises:
        BlockingIOError: another process has it.
    """
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
