"""Augmented copies among files, as `mlzoo augment write` lists them beside the images."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlzoo.core.errors import DataError
from mlzoo.core.files import unquoted
from mlzoo.data.quality.bad_files import groups_by

MANIFEST = "augmented.csv"


@dataclass(frozen=True)
class Grouped:
    """A group a file (None: there are no groups), and which are copies (None: there are none)."""

    groups: np.ndarray | None
    copies: np.ndarray | None
    notes: tuple[str, ...] = ()


def grouped(
    root: Path, names: Sequence[str], inner: Sequence[str], pattern: str | None, where: str
) -> Grouped:
    """The groups of files: a copy is always in that of its original.

    Args:
        root: the folder, which may hold a list of copies.
        names: files relative to the root.
        inner: their paths as the pattern sees them.
        pattern: of --group-by; None: each original is a group where there are copies.
        where: within what `inner` are paths, for messages.

    Raises:
        DataError: the list of copies can't be read, or the pattern does not match a file.
    """
    known = read_manifest(root)
    if not known:
        groups = None if pattern is None else groups_by(pattern, names, inner, where)
        return Grouped(groups, None)
    originals = [known.get(name, name) for name in names]
    groups = np.array(originals)
    if pattern is not None:
        place = dict(zip(names, inner, strict=True))
        inside = [
            place.get(name, inner_name) for name, inner_name in zip(originals, inner, strict=True)
        ]
        groups = groups_by(pattern, names, inside, where)
    copies = np.array([name in known for name in names])
    note = f"augmented copies: {int(copies.sum())}, only trained on ({MANIFEST})"
    return Grouped(groups, copies, (note,))


def read_manifest(root: Path) -> dict[str, str]:
    """The original of each copy in a folder, by the files' names; originals are left out.

    Raises:
        DataError: the list has no columns `file` and `original`.
    """
    path = root / MANIFEST
    if not path.is_file():
        return {}
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        pairs = [(unquoted(row["file"]), unquoted(row["original"])) for row in rows]
        return {file: original for file, original in pairs if file != original}
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise DataError(f"{path} is no list of augmented copies: {error!r}") from None
