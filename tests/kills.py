"""A process that is killed at its k-th change of the disk, simulated within this one.

From the moment of its death on nothing that it does reaches the disk, whatever its handlers and
`finally` blocks try, and the file that it had open last is left half written. Changes are heard
of through Python's audit hooks and `os.fsync`, so that no code under test has to cooperate.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Killed(BaseException):
    """The process is dead."""


class Life:
    """A process that may change what lies below `root` so many times; None: without end."""

    def __init__(self, root: Path, changes: int | None = None) -> None:
        self.root, self.changes = str(root), changes
        self.done: list[tuple[str, str]] = []
        self.dead = False

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Count a change of the disk, or die of it."""
        if event == "open":
            if not isinstance(args[0], (str, bytes)) or not (args[2] or 0) & _WRITES:
                return
        elif event not in (*_CHANGES, "fsync"):
            return
        path = os.fsdecode(args[0]) if not isinstance(args[0], int) else ""
        if path.startswith("/") and not path.startswith(self.root):
            return
        if not self.dead and len(self.done) == self.changes:
            self.dead = True
            self._tear()
        if self.dead:
            self.die()
        self.done.append((event, path))

    def die(self) -> None:
        """End the process; here by an exception that keeps coming."""
        raise Killed(self.done[-1:])

    def _tear(self) -> None:
        """Leave a file that was being written half written."""
        event, path = self.done[-1] if self.done else ("", "")
        if event == "open" and Path(path).is_file():
            half = os.path.getsize(path) // 2
            self.dead, self.changes = False, None
            os.truncate(path, half)
            self.dead = True


_living: list[Life] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _living:
        _living[-1].hear(event, args)


sys.addaudithook(_hook)  # it stays, and hears nothing where nobody lives


@contextlib.contextmanager
def life(root: Path, changes: int | None = None, kind: type[Life] = Life) -> Iterator[Life]:
    """Have the block live for so many changes of the disk, then die; its death is no error."""
    own = kind(root, changes)

    def fsync(number: int) -> None:  # which takes its time, and that no kill needs
        own.hear("fsync", (number,))

    _living.append(own)
    try:
        with mock.patch.object(os, "fsync", fsync), contextlib.suppress(Killed):
            yield own
    finally:
        _living.remove(own)


def contents(root: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too, by their paths in it."""
    found = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return found | {f"{p.relative_to(root)}/": b"" for p in root.rglob("*") if p.is_dir()}
