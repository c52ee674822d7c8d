"""Folders of landscapes and checks, complete or not at all."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo.runs import run_folder

RECORD = "landscape.json"


def folder_of(root: str | None, name: str | None, default: Path, overwrite: bool) -> Path:
    """Return the folder for results: ROOT/NAME, or by default a new one.

    Args:
        root: parent folder; None for that of `default`.
        name: of the folder; None for that of `default`.
        default: folder without options.
        overwrite: replace an existing one.

    Raises:
        UsageError: something is there that must not be replaced.
    """
    if root is None and name is None:
        folder = default
    else:
        folder = expand(root or default.parent) / (name or default.name)
    run_folder.check_root(folder.parent)
    if not folder.exists():
        return folder
    if overwrite:
        if not (folder / RECORD).is_file():
            raise UsageError(f"{folder} holds no landscape, so --overwrite leaves it alone")
        return folder
    if name is not None:
        raise UsageError(f"{folder} exists already; choose another --name, or add --overwrite")
    number = 2
    while (candidate := folder.with_name(f"{folder.name}-{number}")).exists():
        number += 1
    return candidate
