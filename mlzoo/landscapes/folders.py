"""Folders of landscapes and checks: there whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from mlzoo import files, runs
from mlzoo.errors import UsageError

RECORD = "landscape.json"


def folder_of(root: str | None, name: str | None, default: Path, overwrite: bool) -> Path:
    """Where results go: ROOT/NAME, or by default a place of their own.

    Raises:
        UsageError: something is there that must not be replaced.
    """
    if root is None and name is None:
        folder = default
    else:
        folder = Path(root or default.parent).expanduser() / (name or default.name)
    runs.check_root(folder.parent)
    if not folder.exists():
        return folder
    if overwrite:
        if not (folder / RECORD).is_file():
            raise UsageError(f"{folder} holds no landscape, so --overwrite leaves it alone")
        return folder
    if name is not None:
        raise UsageError(f"{folder} exists already; choose another --name, or add --overwrite")
    number = 2
    while (found := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return found


def write(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Have a folder filled under a temporary name, then give it its own."""
    partial = folder.with_name(f".{folder.name}.writing-{os.getpid()}")
    with files.disk_errors(folder):
        try:
            partial.mkdir(parents=True)
            fill(partial)
            old = folder.with_name(f".{folder.name}.replaced-{os.getpid()}")
            if folder.exists():
                folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return folder
