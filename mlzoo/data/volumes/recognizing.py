"""Folders of volumes, recognized by their first image; light, as every folder is looked at."""

from __future__ import annotations

import os
from pathlib import Path

from mlzoo.data.images.layouts import SUFFIXES

_FOLDERS = 3


def has_stacks(folder: Path) -> bool:
    """Return whether the first image of a folder, up to two folders further in, is a stack."""
    root = len(folder.parts)
    for parent, folders, files in os.walk(folder, followlinks=True):  # circles end at `_FOLDERS`
        folders.sort()
        if len(Path(parent).parts) - root >= _FOLDERS - 1:
            folders.clear()
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                return _is_stack(Path(parent) / name)
    return False


def _is_stack(path: Path) -> bool:
    if SUFFIXES[path.suffix.lower()] != "TIFF":
        return False
    from mlzoo.data.volumes.tiff import is_stack

    return is_stack(path)
