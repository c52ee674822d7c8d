"""What is made once for all processes of a test session: trained networks, runs, data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

_SESSION = f"mlzoo-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or os.getpid()}"
FOLDER = Path(tempfile.gettempdir()) / _SESSION
"""Removed by `tests/conftest.py` when the session ends."""


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder `name` of this session, filled by `make` in whichever process asks first.

    Args:
        name: a file name, unique in the tests.
        make: fills the empty folder that it is given.
    """
    FOLDER.mkdir(exist_ok=True)
    folder, done = FOLDER / name, FOLDER / f"{name}.done"
    with FileLock(FOLDER / f"{name}.lock"):
        if not done.exists():
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
