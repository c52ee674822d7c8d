"""Files on their way between machines that share no disk.

The files that a run reads go to the workers as one archive, in pieces that Ray's object store
holds; each lies there below a folder, at the path that it has here. A run folder comes back file by
file.
"""

from __future__ import annotations

import glob
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.files import expand, is_there, read_mapping, real_path
from mlzoo.core.validation.values import named_plugins
from mlzoo.data.policies import adds_generated, generator_of
from mlzoo.runs.run_folder import LEFTOVERS, OF_THE_OWNER, PARTIAL, RunFolder

MOST_BYTES = 2 * 2**30
"""Bytes that are sent to workers that do not share the disk."""
_PIECE = 2**26
"""Bytes of a piece of the archive."""


def plugin_names(config: RunConfig) -> list[str]:
    """Return the names of the plug-ins of a run, and of those of its generator."""
    values: list[Mapping[str, Any]] = [config.model_dump()]
    if adds_generated(config.augment):
        file = expand(generator_of(str(config.augment))[0]) / "config.yaml"
        if file.is_file():
            values.append(read_mapping(file))
    return [name for each in values for _, name in named_plugins(each)]


def files_of_run(config: RunConfig) -> list[Path]:
    """Return the files and folders that a run reads, from the root on; links are not followed."""
    plugins = [registry.own_file(name) for name in plugin_names(config)]
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
    listed = [entry for path in paths for entry in _entries(path)]
    size = sum(entry.stat().st_size for entry in listed if entry.is_file())
    if size > MOST_BYTES:
        raise UsageError(
            f"workers do not share the disk of this machine, and {size / 2**30:.1f} GiB of files "
            f"are more than the {MOST_BYTES / 2**30:.0f} GiB that are sent to them; put the data "
            "on a shared disk, or at an address such as s3://bucket/photos"
        )
    with tempfile.TemporaryFile() as buffer:
        with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
            for path in listed:
                archive.add(path, str(path.relative_to(path.anchor)), recursive=False)
        buffer.seek(0)
        while piece := buffer.read(_PIECE):
            yield piece


def _entries(path: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield a file, or a folder and all below it; links are followed, but for those to nothing.

    Args:
        path: of the file or folder.
        above: real paths of the folders that it lies in, none of which is entered again.
    """
    if path.is_dir():
        if (place := real_path(path)) not in above:
            yield path
            for child in sorted(path.iterdir()):
                yield from _entries(child, (*above, place))
    elif path.is_file():
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
        `states` of all files by their names, none where there is no folder; `contents` of those
        that have changed; whether the run is `finished`.
    """
    partial = run.with_name(run.name + PARTIAL)
    folder = partial if partial.exists() else run
    states: dict[str, Any] = {}
    contents: dict[str, bytes] = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if name.parts[0] in OF_THE_OWNER or file.name.startswith(".") or not file.is_file():
            continue
        try:
            facts = file.stat()
            state = [facts.st_size, facts.st_mtime_ns]
            if known.get(str(name)) != state:
                contents[str(name)] = file.read_bytes()
        except FileNotFoundError:  # a checkpoint that a newer one has replaced meanwhile
            continue
        states[str(name)] = state
    return {"states": states, "contents": contents, "finished": folder == run and bool(states)}


class Mirror:
    """Copy of a run folder that a worker writes on a disk of its own.

    Args:
        folder: that of the run here, which this process has locked.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self.states: dict[str, Any] = {}
        """State of each file that was taken over."""
        self.finished = False
        """Flag of a run that is here, under its final name."""
        self._removed = False

    def update(self, changes: Mapping[str, Any], ended: bool = False) -> None:
        """Take over what `changed_files` has returned.

        Args:
            changes: since the call before.
            ended: the process has ended: a finished run gets its final name, and one that the
                process has removed goes here too, unless it holds weights.
        """
        over = self.finished or self._removed
        if over or (changes["finished"] and not ended):
            return
        if not changes["states"]:
            if ended and self.states and not self._folder.has_weights:
                self._folder.discard()
                self._removed = True
            return
        partial = self._folder.path
        for name, content in changes["contents"].items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".{file.name}.writing")
            temporary.write_bytes(content)
            temporary.replace(file)
        self.states = dict(changes["states"])
        kept = LEFTOVERS if changes["finished"] else OF_THE_OWNER
        for file in [file for file in partial.rglob("*") if file.is_file()]:
            name = file.relative_to(partial)
            if name.parts[0] not in kept and str(name) not in self.states:
                file.unlink()
        if changes["finished"]:
            for folder in sorted((p for p in partial.rglob("*") if p.is_dir()), reverse=True):
                if not any(folder.iterdir()):
                    folder.rmdir()
            self._folder.finish()
            self.finished = True

    def close(self) -> None:
        """Let go of the folder; it goes where nothing was taken over."""
        if self.finished or self._removed:
            return
        if (self._folder.path / "config.yaml").exists():
            self._folder.release()
        else:
            self._folder.discard()
