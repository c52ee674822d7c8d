"""Files on their way between machines that share no disk.

The files that a run reads go to the workers as one archive, in pieces that Ray's object store
holds; each lies there below a folder, at the path that it has here. A run folder comes back file by
file.
"""

from __future__ import annotations

import glob
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand, is_there
from mlzoo.core.validation.values import named_plugins
from mlzoo.data.policies import adds_generated, generator_of
from mlzoo.runs.run_folder import PARTIAL

MOST_BYTES = 2 * 2**30
"""Bytes that are sent to workers that do not share the disk."""
_PIECE = 2**26
"""Bytes of a piece of the archive."""


def files_of_run(config: RunConfig) -> list[Path]:
    """Return the files and folders that a run reads, from the root on; links are not followed."""
    plugins = [registry.own_file(name) for _, name in named_plugins(config.model_dump())]
    named = [*plugins, config.data, config.class_weights, config.cost, config.equation]
    named += [config.exclude, config.relabel]
    if adds_generated(config.augment):
        named.append(generator_of(str(config.augment))[0])
    elif isinstance(config.augment, str):
        named.append(config.augment)
    if {"backbone", "weights"} & set(config.set):
        from mlzoo.core.backbones import files_of

        named += files_of(config.set)
    paths: list[Path] = []
    for name in named:
        if name is None or "://" in str(name) or not is_there(place := expand(str(name))):
            continue
        places = [place] if place.exists() else map(Path, glob.glob(str(place)))
        paths += [Path(os.path.abspath(path)) for path in places]
    return list(dict.fromkeys(paths))


def pieces(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield an archive of files and folders in pieces of `_PIECE` bytes; links are followed.

    Raises:
        UsageError: they are larger than `MOST_BYTES`.
    """
    paths = list(paths)
    size = sum(file.stat().st_size for path in paths for file in _files_in(path))
    if size > MOST_BYTES:
        raise UsageError(
            f"workers do not share the disk of this machine, and {size / 2**30:.1f} GiB of files "
            f"are more than the {MOST_BYTES / 2**30:.0f} GiB that are sent to them; put the data "
            "on a shared disk, or at an address such as s3://bucket/photos"
        )
    with tempfile.TemporaryFile() as buffer:
        with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
            for path in paths:
                archive.add(path, str(path.relative_to(path.anchor)))
        buffer.seek(0)
        while piece := buffer.read(_PIECE):
            yield piece


def _files_in(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def unpack(parts: Iterable[bytes], folder: Path) -> None:
    """Unpack an archive from its pieces into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as buffer:
        for part in parts:
            buffer.write(part)
        buffer.seek(0)
        with tarfile.open(fileobj=buffer, mode="r") as archive:
            archive.extractall(folder, filter="data")


def changed_files(run: Path, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a run folder, finished or not, has changed.

    Args:
        run: its final path.
        known: state of each file (size, time of change) that was returned before.

    Returns:
        `states` of all files by their names; `contents` of those that have changed.
    """
    partial = run.with_name(run.name + PARTIAL)
    folder = partial if partial.exists() else run
    states: dict[str, Any] = {}
    contents: dict[str, bytes] = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if name == "lock" or file.name.startswith(".") or not file.is_file():
            continue
        try:
            facts = file.stat()
            state = [facts.st_size, facts.st_mtime_ns]
            if known.get(name) != state:
                contents[name] = file.read_bytes()
        except FileNotFoundError:  # a checkpoint that a newer one has replaced meanwhile
            continue
        states[name] = state
    return {"states": states, "contents": contents, "finished": folder == run}


class Mirror:
    """Copy of a run folder that a worker writes on a disk of its own.

    Args:
        overwrite: replace a run that is there.
    """

    def __init__(self, overwrite: bool) -> None:
        self._overwrite = overwrite
        self.states: dict[str, Any] = {}

    def update(self, run: Path, changes: Mapping[str, Any]) -> None:
        """Take over what `changed_files` has returned; a finished run gets its name.

        Args:
            run: its final path here.
            changes: since the call before.
        """
        partial = run.with_name(run.name + PARTIAL)
        for name, content in changes["contents"].items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".{file.name}.writing")
            temporary.write_bytes(content)
            temporary.replace(file)
        self.states = dict(changes["states"])
        for file in [file for file in partial.rglob("*") if file.is_file()]:
            if str(file.relative_to(partial)) not in self.states:
                file.unlink()
        if changes["finished"]:
            for folder in sorted((p for p in partial.rglob("*") if p.is_dir()), reverse=True):
                if not any(folder.iterdir()):
                    folder.rmdir()
            if run.exists() and self._overwrite:
                shutil.rmtree(run)
            partial.rename(run)
