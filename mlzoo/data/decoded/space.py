"""The folder of decoded images: where it is, when it is used, and how large it may become."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand
from mlzoo.core.remote.cache import cache_root

PARTIAL = ".partial"
"""The end of a file's name until it is whole."""
_OURS = f"{'[0-9a-f]' * 16}-*.npy*"
"""Pattern of the names of files of rows; others in the folder are not of the cache."""
_ABANDONED = 3600.0
"""Seconds after which a partial file that nothing was written to is one of a process that ended."""
_MANY_PIXELS = 2**28
"""Pixels of all files from which on decoding them takes seconds."""


@dataclass(frozen=True)
class CacheChoice:
    """Settings of the cache.

    Attributes:
        folder: `auto`, `none` or the path of a folder.
        gigabytes: the most that the folder may hold, in 10^9 bytes.
    """

    folder: str = "none"
    gigabytes: float = 20.0

    @property
    def limit(self) -> int:
        """The most bytes that the folder may hold."""
        return int(self.gigabytes * 1e9)


UNCACHED = CacheChoice()
"""Nothing is kept on disk."""


def cache_place(choice: CacheChoice, pixels: int, row_bytes: int, file_bytes: int) -> Path | None:
    """Return the folder that decoded images are kept in; None where they are not kept.

    By itself a cache is used where decoding takes long and its rows take no more room than the
    files: where large compressed images are made small.

    Args:
        choice: what was asked for.
        pixels: of all files together.
        row_bytes: of all rows together, decoded and resized.
        file_bytes: of all files together.

    Raises:
        UsageError: the folder that was asked for can't be written to.
    """
    if choice.folder == "none":
        return None
    automatic = choice.folder == "auto"
    if automatic and (pixels < _MANY_PIXELS or row_bytes > file_bytes):
        return None
    folder = cache_root() / "decoded" if automatic else expand(choice.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
        reason = "no permission to write there"
    except OSError as error:
        writable, reason = False, error.strerror or str(error)
    if not writable and not automatic:
        raise UsageError(f"--cache: {folder} can't be written to ({reason}); choose another folder")
    return folder if writable else None


def usable_cache(folder: str) -> str:
    """Return the cache of a run that is read again: its folder, `auto` where that is gone.

    Args:
        folder: as of `CacheChoice`.
    """
    return folder if folder in ("auto", "none") or os.access(folder, os.W_OK) else "auto"


def make_room(
    folder: Path,
    needed: int,
    limit: int,
    spared: Collection[Path] = (),
    pattern: str = _OURS,
) -> bool:
    """Remove rows that were used longest ago until so many bytes fit; return whether they do.

    Args:
        folder: of the cache.
        needed: bytes that are to be written.
        limit: the most bytes that the folder may hold.
        spared: files of rows that are in use.
        pattern: of the names of the files.
    """
    if needed > limit:
        return False
    files = []
    for path in folder.glob(pattern):
        try:
            facts = path.stat()
        except FileNotFoundError:  # another process removed or renamed it
            continue
        if path.name.endswith(PARTIAL) and time.time() - facts.st_mtime > _ABANDONED:
            path.unlink(missing_ok=True)
        else:
            files.append((facts.st_mtime, facts.st_size, path))
    held = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if held + needed <= limit:
            break
        if not path.name.endswith(PARTIAL) and path not in spared and _removed(path):
            held -= size
    return held + needed <= limit and shutil.disk_usage(folder).free > needed


def _removed(path: Path) -> bool:
    """Remove rows and what is known of them; False where the system keeps open files."""
    try:
        path.with_suffix(".npz").unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except PermissionError:
        return False
    return True
