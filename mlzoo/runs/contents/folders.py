"""Folders that are written whole, their checksums, and links that lead out of them."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mlzoo.core.errors import ResourceError, UsageError
from mlzoo.core.files import damaged, disk_errors, read_mapping, sha256_of, write_json

_REPLACED = ".replaced"
"""The folder that is being replaced, within the new one until that has the name."""
_WRITING = ".writing-"
"""Begins the name of a folder that is being filled within the one it is for; a process' number
ends it."""
_WRITTEN = ".written-"
"""Begins the name of such a folder once what it was for is in place."""
CHECKSUMS = "checksums.json"
"""SHA-256 of each record of a run folder; runs of earlier versions have none."""


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write `checksums.json`, of those of some files that a folder holds."""
    known = {name: sha256_of(folder / name) for name in names if (folder / name).is_file()}
    if known:
        write_json(folder / CHECKSUMS, known)


def check_checksums(folder: Path) -> None:
    """Raise DataError, naming it, if a JSON file is not what `write_checksums` saw.

    What is missing, empty or no JSON is left to those who read it.
    """
    if not (folder / CHECKSUMS).exists():
        return
    for name, checksum in read_mapping(folder / CHECKSUMS).items():
        path = folder / Path(name).name
        if path.is_file() and sha256_of(path) != checksum and _is_json(path):
            raise damaged(
                path,
                "is damaged: its content does not match its checksum (if the change was meant, "
                f"delete {CHECKSUMS})",
            )


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return True


def write_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Have a folder filled under a temporary name, then give it its own.

    A folder that has the name already is replaced, or stays as it was where anything fails. It is
    moved into the new one before that gets the name; what a killed process left is put back first.

    Raises:
        ResourceError: the disk is full or can't be written to.
    """
    partial = folder.with_name(f".{folder.name}{_WRITING}{os.getpid()}")
    old = partial / _REPLACED
    with disk_errors(folder):
        _restore_killed(folder)
        try:
            partial.mkdir(parents=True)
            fill(partial)
            if folder.exists():
                folder.rename(old)
            partial.rename(folder)
        except BaseException as error:
            if old.exists():
                old.rename(folder)
            shutil.rmtree(partial, ignore_errors=True)
            if isinstance(error, ResourceError):  # Of a file in it, by a name that nobody gave.
                raise ResourceError(str(error).replace(str(partial), str(folder))) from error
            raise
    shutil.rmtree(folder / _REPLACED, ignore_errors=True)


def _restore_killed(folder: Path) -> None:
    """Put back what a killed `write_folder` was replacing, and remove what it was writing."""
    for partial in folder.parent.glob(f".{glob.escape(folder.name)}{_WRITING}*"):
        if not _ended(partial.name):
            continue
        if (partial / _REPLACED).exists() and not folder.exists():
            (partial / _REPLACED).rename(folder)
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(folder / _REPLACED, ignore_errors=True)


def write_files(folder: Path, fill: Callable[[Path], None], replaced: Sequence[str] = ()) -> None:
    """Have files filled in aside, then move all of them into a folder, beside what it holds.

    Where anything fails the folder has the files that it had, and is not made. Where the process
    is killed while it moves them, the next call puts back those that it had.

    Args:
        folder: where the files go; it is made where it is missing.
        fill: writes the files into a folder on the same disk.
        replaced: names of files of an earlier call, which are removed if `fill` does not write
            them again.

    Raises:
        ResourceError: the disk is full or can't be written to, or a folder has a file's name.
    """
    made = not folder.exists()
    partial = folder / f"{_WRITING}{os.getpid()}"
    with disk_errors(folder):
        for left in folder.glob(f"{_WRITING}*"):
            if _ended(left.name):
                _put_back(left)
        for left in folder.glob(f"{_WRITTEN}*"):
            if _ended(left.name):
                shutil.rmtree(left, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            fill(partial)
            written = sorted(path.name for path in partial.iterdir())
            for name in written:
                if (folder / name).is_dir():
                    raise ResourceError(f"{folder / name} is a folder; move it elsewhere")
            (partial / _REPLACED).mkdir()
            for name in {*written, *replaced}:
                if (folder / name).is_file():
                    (folder / name).rename(partial / _REPLACED / name)
            for name in written:
                (partial / name).rename(folder / name)
        except BaseException as error:
            if made:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                _put_back(partial)
            if isinstance(error, ResourceError):  # Of a file in it, by a name that nobody gave.
                raise ResourceError(str(error).replace(str(partial), str(folder))) from error
            raise
        # From here on the new files stay: under its new name nothing is put back of it.
        done = partial.rename(folder / f"{_WRITTEN}{os.getpid()}")
        shutil.rmtree(done, ignore_errors=True)


def _put_back(partial: Path) -> None:
    """Move the files that `write_files` was replacing back, and remove what it was writing."""
    if (partial / _REPLACED).is_dir():
        for path in (partial / _REPLACED).iterdir():
            path.replace(partial.parent / path.name)
    shutil.rmtree(partial, ignore_errors=True)


def _ended(name: str) -> bool:
    """Return whether the process whose number ends a folder's name runs no longer."""
    number = name.rpartition("-")[2]
    return number.isdecimal() and not _is_running(int(number))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return process != os.getpid()


def refuse_links(root: Path, target: Path | None = None) -> None:
    """Raise UsageError where something that is written in a folder would land outside of it.

    Links that stay within the folder are no harm, and the folder itself may be a link.

    Args:
        root: folder of a run or a search.
        target: what is to be written; None: anything in the folder. Outside of the folder, where
            a user asked for it, nothing is checked.
    """
    target = target or root
    if not target.is_relative_to(root):
        return
    inner = target.relative_to(root).parts
    chain = [root.joinpath(*inner[: count + 1]) for count in range(len(inner))]
    below = (
        Path(folder, name)
        for folder, folders, files in os.walk(target)
        for name in (*folders, *files)
    )
    home = os.path.realpath(root)
    for path in (*chain, *below):
        if not path.is_symlink():
            continue
        leads = os.path.realpath(path)
        if os.path.commonpath([home, leads]) != home:
            raise UsageError(
                f"{path} is a link to {leads}, outside of {root}: nothing is written through it; "
                "remove it or put what it leads to in its place"
            )
