"""Run folders: created under a temporary name, locked while in use, renamed when complete.

A run called `cnn-digits` is written as `cnn-digits.partial` and gets its own name at the end.
The lock is the operating system's (flock): it ends with the process that holds it, also when
that process is killed, so a stale lock can't exist.

A kill between any two file operations leaves a folder that can be resumed, replaced or taken over:
`config.yaml` is the first file written and the first one removed, and what an unfinished run needs
beside the files of a finished one is removed after the folder has got its own name.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from mlzoo.core.errors import UsageError
from mlzoo.core.files import (
    disk_errors,
    expand,
    real_path,
    special_kind,
    write_json,
    write_text,
)
from mlzoo.runs import locks
from mlzoo.runs.contents.folders import check_checksums, refuse_links, write_checksums

PARTIAL = ".partial"
REPEATS = "repeats.json"
"""The scores of the trainings that are done, in an unfinished run."""
RECORDS = (
    *("data.json", "split.json", "metrics.json", "environment.json", "layers.json"),
    *("calibration.json", "decision.json", "operating_point.json"),
)
"""Files that say what a finished run is, whose checksums are kept."""
EPOCHS = "epochs.csv"
"""The epochs of all trainings so far, in an unfinished run; see `core.progress`."""
_REPLACES = "overwrite"
"""Stands in an unfinished run that may replace a finished one, also when it is resumed."""
_REPLACED = "replaced"
"""The run that is being replaced, within the folder of the new one until that has its name."""
OF_THE_OWNER = (_REPLACED, _REPLACES, "lock")
"""Contents of an unfinished run that a copy of it elsewhere says nothing about."""
LEFTOVERS = (_REPLACED, "checkpoints", REPEATS, EPOCHS, _REPLACES, "lock")
"""Contents that a finished run has no use for. The lock goes last."""


@dataclass
class RunFolder:
    """A run folder that this process owns. `path` is where files go now, `final` where they end."""

    path: Path
    final: Path
    lock: IO[str] | None
    overwrite: bool = False

    def write_json(self, name: str, content: Any) -> None:
        """Write a JSON file of the run, in one step."""
        write_json(self.path / name, content)

    def write_text(self, name: str, text: str) -> None:
        """Write a text file of the run, in one step."""
        write_text(self.path / name, text)

    def finish(self) -> Path:
        """Give the folder its final name, then remove what only an unfinished run needs.

        A run that is replaced is moved into the new one's folder first: whenever the process is
        killed, one of the two has the name, or the new one can be resumed.
        """
        write_checksums(self.path, RECORDS)
        if self.overwrite and self.final.exists():
            _remove(self.path / _REPLACED)
            self.final.rename(self.path / _REPLACED)
        try:
            self.path.rename(self.final)
        except OSError as error:
            if self.final.exists():
                raise UsageError(
                    f"{self.final} appeared while this run was training; the finished run stays "
                    f"at {self.path}: rename it by hand"
                ) from error
            raise
        _remove_leftovers(self.final)
        self.path = self.final
        self.release()
        return self.final

    @property
    def has_weights(self) -> bool:
        """Return whether something in it is worth going on from."""
        checkpointed = any((self.path / "checkpoints").glob("*/state-*"))
        return checkpointed or (self.path / "model.keras").exists()

    def discard(self) -> None:
        """Remove the folder: nothing in it is worth resuming from."""
        with contextlib.suppress(OSError):
            _clear(self.path, self.final)
            (self.path / "lock").unlink(missing_ok=True)
            self.path.rmdir()
        self.release()

    def release(self) -> None:
        """Let go of the lock; the folder stays."""
        if self.lock is not None:
            self.lock.close()
            self.lock = None


def check_root(root: Path) -> None:
    """Raise UsageError where run folders can't go into `root`: it, or a parent, is no folder."""
    root = expand(root)
    for folder in (root, *root.parents):
        if folder.is_dir():
            return
        if os.path.lexists(folder):
            kind = special_kind(folder)
            if kind is None:
                kind = "a file, not a folder" if folder.exists() else "a link to nothing"
            raise UsageError(f"--out {root}: {folder} is {kind}")


def check_free(root: Path, name: str, overwrite: bool) -> None:
    """Raise UsageError where a run of that name exists and must not be replaced."""
    final, partial = root / name, root / (name + PARTIAL)
    if overwrite:
        if final.exists() and not _is_run(final):
            raise UsageError(f"{final} is no run folder, so --overwrite leaves it alone")
        return
    if final.exists():
        raise UsageError(
            f"{final} exists already; choose another --name, or replace it with --overwrite"
        )
    if partial.exists() and not _is_abandoned(partial):
        raise UsageError(
            f"{partial} holds an unfinished run; resume it with "
            f"`mlzoo train --resume {_quoted(final)}`, or start again with --overwrite"
        )


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file() and (folder / "data.json").is_file()


def create(root: Path, name: str | None, default_name: str, overwrite: bool = False) -> RunFolder:
    """Create the folder of a new run and lock it.

    Without a `name`, `default_name` is used, or `default_name-2`, `-3`, ... where that is taken.

    Raises:
        UsageError: the name is taken, or another process is using the folder.
        ResourceError: the folder can't be written to.
    """
    root = expand(root)
    check_root(root)
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        if name is not None:
            check_free(root, name, overwrite)
            return _make(root, name, overwrite)
        for path in _untaken(root, default_name):
            try:
                return _make(root, path.name, overwrite)
            except (FileExistsError, FileNotFoundError, FolderInUse):  # another process was faster
                continue
    raise AssertionError("there is always a number left")


def free(root: Path, default_name: str) -> Path:
    """The folder that `create` would make for a run without a name."""
    return next(_untaken(root, default_name))


def _untaken(root: Path, default_name: str) -> Iterator[Path]:
    base = slug(default_name)
    for number in count(1):
        name = base if number == 1 else f"{base}-{number}"
        partial = root / (name + PARTIAL)
        if not (root / name).exists() and (not partial.exists() or _is_abandoned(partial)):
            yield root / name


def _make(root: Path, name: str, overwrite: bool) -> RunFolder:
    """Create a run's folder, or take over one that was abandoned or may be overwritten."""
    partial, final = root / (name + PARTIAL), root / name
    partial.mkdir(exist_ok=True)
    if not _is_ours(partial):
        raise UsageError(f"{partial} is no run folder, so --overwrite leaves it alone")
    held = lock(partial)  # only a folder that no process uses may be emptied
    if not overwrite and not _is_abandoned(partial):
        held.close()
        raise FileExistsError(partial)
    _clear(partial, final)
    if overwrite:
        (partial / _REPLACES).touch()
    return RunFolder(partial, final, held, overwrite)


def _is_abandoned(partial: Path) -> bool:
    """Return whether a run was killed before it was begun, or while it was being removed."""
    return not (partial / "config.yaml").exists() and _is_ours(partial)


def _is_ours(partial: Path) -> bool:
    """Return whether a folder was made for a run: it is locked at first, and empty before."""
    names = {path.name for path in partial.iterdir()}
    return not names or "lock" in names


def _clear(partial: Path, final: Path) -> None:
    """Remove all that an unfinished run holds but its lock; a run that it replaced comes back."""
    replaced = partial / _REPLACED
    if replaced.exists() and not final.exists():
        replaced.rename(final)
    entries = sorted(partial.iterdir(), key=lambda path: path.name != "config.yaml")
    for path in entries:
        if path.name != "lock":
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_leftovers(final: Path) -> None:
    """Remove from a finished run what only an unfinished one needs."""
    for path in final.rglob(".*.writing"):
        path.unlink(missing_ok=True)
    for name in LEFTOVERS:
        _remove(final / name)


def completed(path: Path) -> Path | None:
    """Return the finished run that `path` names, where a kill left parts of its training in it.

    They are removed.
    """
    final = finished(path)
    return final if final is not None and tidy(final) else None


def finished(path: Path) -> Path | None:
    """Return the finished run that `path` names, unless one that is not finished replaces it."""
    final, partial = _names(path)
    whole = (final / "metrics.json").is_file() and not partial.exists()
    return final if whole else None


def tidy(folder: Path) -> bool:
    """Remove what a kill left in a run that has got its final name; return whether there was any.

    Where the folder is in use or can't be written to, it is left as it is.
    """
    if not (folder / "lock").is_file():
        return False
    with contextlib.suppress(UsageError, OSError), contextlib.closing(lock(folder)):
        _remove_leftovers(folder)
        return True
    return False


def reopen(path: Path) -> RunFolder:
    """Take over the unfinished run `path` (with or without `.partial`).

    Raises:
        UsageError: there is none, it is finished, or another process is training it.
    """
    final, partial = _names(path)
    if not (partial / "config.yaml").is_file():
        abandoned = partial.is_dir() and _is_abandoned(partial)
        if (final / "metrics.json").is_file():
            if abandoned:  # what was to replace the finished run had not begun
                _discard(partial)
            raise UsageError(f"{final} is finished: there is nothing to resume")
        if abandoned:
            raise UsageError(
                f"{partial} holds nothing to resume: the run was stopped before its configuration "
                "was written; start it again with the command that began it"
            )
        raise UsageError(f"{partial} is no unfinished run{_near(final)}")
    overwrite = (partial / _REPLACES).exists()
    if final.exists() and not overwrite:
        raise UsageError(
            f"{final} exists beside {partial}, which would replace it when it is finished; rename "
            "or remove one of them"
        )
    refuse_links(partial)
    return RunFolder(partial, final, lock(partial), overwrite)


def _discard(partial: Path) -> None:
    """Remove a run that had not begun, unless another process is about to begin it."""
    with contextlib.suppress(UsageError, OSError), contextlib.closing(lock(partial)):
        if _is_abandoned(partial):
            shutil.rmtree(partial)


def current(path: Path) -> Path:
    """Return where a run is now: the unfinished folder where there is one, else the final one."""
    final, partial = _names(path)
    return partial if (partial / "config.yaml").is_file() else final


def _names(path: Path) -> tuple[Path, Path]:
    """Return the final and the partial folder of a run that is named by either."""
    path = path if path.name else path.absolute()
    name = path.name.removesuffix(PARTIAL)
    return path.parent / name, path.parent / (name + PARTIAL)


def _near(final: Path) -> str:
    if not final.parent.is_dir():
        return f": there is no folder {final.parent}"
    folders = [p for p in final.parent.glob(f"*{PARTIAL}") if (p / "config.yaml").is_file()]
    unfinished = sorted(p.name.removesuffix(PARTIAL) for p in folders)
    return f"; unfinished in {final.parent}: {', '.join(unfinished) or 'none'}"


class FolderInUse(UsageError):
    """Another process has a folder."""


def lock(folder: Path) -> IO[str]:
    """Lock a folder for this process, until the file that is returned is closed.

    Raises:
        FolderInUse: another process has it.
        UsageError: the lock is a link that leads out of the folder.
    """
    path = folder / "lock"
    refuse_links(folder, path)
    file = path.open("a+")
    try:
        _lock(file)
        # A process that has just finished may have removed the file that was opened.
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise FileNotFoundError(path)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "another process"
        file.close()
        raise FolderInUse(f"{folder} is in use by {owner}; wait for it, or choose --name") from None
    file.truncate(0)
    file.write(f"process {os.getpid()}")
    file.flush()
    return file


def _lock(file: IO[str]) -> None:
    try:
        import fcntl
    except ImportError:
        locks.lock_by_owner(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def slug(text: str) -> str:
    """A folder name made of any text: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.]+", "-", text).strip("-._") or "run"


def find(path: str | Path) -> Path:
    """The finished run folder at a path.

    Raises:
        UsageError: there is none; says what stands there instead.
        DataError: one of its records was changed or damaged.
    """
    folder = expand(path)
    if (folder / "model.keras").is_file() and (folder / "data.json").is_file():
        tidy(folder)
        check_checksums(folder)
        return folder
    whole = folder if folder.name else folder.absolute()
    partial = whole.parent / (whole.name + PARTIAL)
    if (partial / "config.yaml").is_file():
        raise UsageError(
            f"{folder} is not finished yet; resume it with `mlzoo train --resume {_quoted(folder)}`"
        )
    if not folder.exists():
        known = _runs_in(folder.parent)
        hint = f"; runs there: {', '.join(known)}" if known else ""
        raise UsageError(f"there is no run folder {folder} ({real_path(folder)}){hint}")
    raise UsageError(f"{folder} is no run folder: it lacks model.keras or data.json")


def _runs_in(root: Path) -> list[str]:
    if not root.is_dir():
        return []
    return sorted(p.name for p in root.iterdir() if (p / "model.keras").is_file())[:10]
