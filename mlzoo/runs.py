"""Run folders: created under a temporary name, locked while in use, renamed when complete.

A run called `cnn-digits` is written as `cnn-digits.partial` and gets its own name at the end.
The lock is the operating system's (flock): it ends with the process that holds it, also when
that process is killed, so a stale lock can't exist.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from mlzoo.errors import UsageError
from mlzoo.files import disk_errors, expand, real_path, write_json, write_text

PARTIAL = ".partial"
_REPLACES = "overwrite"
"""Stands in an unfinished run that may replace a finished one, also when it is resumed."""


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
        """Give the folder its final name; checkpoints go. What stood there before goes last."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)
        for name in ("lock", _REPLACES):
            (self.path / name).unlink(missing_ok=True)
        replaced = self.final.with_name(f".{self.final.name}.replaced-{os.getpid()}")
        if self.overwrite and self.final.exists():
            self.final.rename(replaced)
        try:
            self.path.rename(self.final)
        except OSError as error:
            if self.final.exists():
                raise UsageError(
                    f"{self.final} appeared while this run was training; the finished run stays "
                    f"at {self.path}: rename it by hand"
                ) from error
            raise
        shutil.rmtree(replaced, ignore_errors=True)
        self.path = self.final
        self.release()
        return self.final

    @property
    def has_weights(self) -> bool:
        """Whether something in it is worth going on from."""
        checkpointed = any((self.path / "checkpoints").glob("*/state-*"))
        return checkpointed or (self.path / "model.keras").exists()

    def discard(self) -> None:
        """Remove the folder: nothing in it is worth going on from."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let go of the lock; the folder stays."""
        if self.lock is not None:
            self.lock.close()
            self.lock = None


def check_root(root: Path) -> None:
    """Raise UsageError where run folders can't go into `root`: it, or a parent, is a file."""
    root = expand(root)
    for folder in (root, *root.parents):
        if folder.exists():
            if not folder.is_dir():
                raise UsageError(f"--out {root}: {folder} is a file, not a folder")
            return


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
    if partial.exists():
        raise UsageError(
            f"{partial} holds an unfinished run; go on with "
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
    with disk_errors(root):
        try:
            root.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"--out {root} is a file, not a folder") from None
        if name is not None:
            check_free(root, name, overwrite)
            return _make(root, name, overwrite)
        for path in _untaken(root, default_name):
            try:
                return _make(root, path.name, overwrite)
            except FileExistsError:  # another process was faster
                continue
    raise AssertionError("there is always a number left")


def free(root: Path, default_name: str) -> Path:
    """The folder that `create` would make for a run without a name."""
    return next(_untaken(root, default_name))


def _untaken(root: Path, default_name: str) -> Iterator[Path]:
    base = slug(default_name)
    for number in count(1):
        name = base if number == 1 else f"{base}-{number}"
        if not (root / name).exists() and not (root / (name + PARTIAL)).exists():
            yield root / name


def _make(root: Path, name: str, overwrite: bool) -> RunFolder:
    partial = root / (name + PARTIAL)
    if overwrite and partial.exists():
        if not (partial / "lock").is_file():
            raise UsageError(f"{partial} is no run folder, so --overwrite leaves it alone")
        # Only a folder that nobody is using may go.
        held = lock(partial)
        shutil.rmtree(partial)
        held.close()
    partial.mkdir(exist_ok=False)
    if overwrite:
        (partial / _REPLACES).touch()
    return RunFolder(partial, root / name, lock(partial), overwrite)


def reopen(path: Path) -> RunFolder:
    """Take over the unfinished run `path` (with or without `.partial`).

    Raises:
        UsageError: there is none, it is finished, or another process is training it.
    """
    path = path if path.name else path.absolute()
    final = path.parent / path.name.removesuffix(PARTIAL)
    partial = path.parent / (final.name + PARTIAL)
    if not (partial / "config.yaml").is_file():
        if (final / "metrics.json").is_file():
            raise UsageError(f"{final} is finished: there is nothing to resume")
        raise UsageError(f"{partial} is no unfinished run{_near(final)}")
    overwrite = (partial / _REPLACES).exists()
    if final.exists() and not overwrite:
        raise UsageError(
            f"{final} exists beside {partial}, which would replace it when it is finished; rename "
            "or remove one of them"
        )
    return RunFolder(partial, final, lock(partial), overwrite)


def _near(final: Path) -> str:
    if not final.parent.is_dir():
        return f": there is no folder {final.parent}"
    found = [p for p in final.parent.glob(f"*{PARTIAL}") if (p / "config.yaml").is_file()]
    unfinished = sorted(p.name.removesuffix(PARTIAL) for p in found)
    return f"; unfinished in {final.parent}: {', '.join(unfinished) or 'none'}"


def lock(folder: Path) -> IO[str]:
    """Lock a folder for this process, until the file that is returned is closed.

    Raises:
        UsageError: another process has it.
    """
    file = (folder / "lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "another process"
        file.close()
        raise UsageError(f"{folder} is in use by {owner}; wait for it, or choose --name") from None
    file.truncate(0)
    file.write(f"process {os.getpid()}")
    file.flush()
    return file


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def slug(text: str) -> str:
    """A folder name made of any text: letters, digits, dots and dashes."""
    return re.sub(r"[^\w.]+", "-", text).strip("-._") or "run"


def find(path: str | Path) -> Path:
    """The finished run folder at a path.

    Raises:
        UsageError: there is none; says what stands there instead.
    """
    folder = expand(path)
    if (folder / "model.keras").is_file() and (folder / "data.json").is_file():
        return folder
    whole = folder if folder.name else folder.absolute()
    partial = whole.parent / (whole.name + PARTIAL)
    if partial.is_dir():
        raise UsageError(
            f"{folder} is not finished yet; go on with `mlzoo train --resume {_quoted(folder)}`"
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
