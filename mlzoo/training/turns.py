"""Trainings of one run that know nothing of each other, shared out to several processes.

The members of a model (`--folds`, `--ensemble`) and the repeats of a run are such. Each process
trains whole ones, and neither shares batches with others nor waits for them within a training. What
they hand over are checkpoints: in the end rank 0 has those of all, as if it had trained them by
itself, and goes on from there.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mlzoo.core import files
from mlzoo.core.progress import Listener
from mlzoo.training import checkpoints
from mlzoo.training.distributed.group import Group
from mlzoo.training.signals import Stop


def train_in_turns(
    group: Group,
    folders: Sequence[Path],
    fit: Callable[[int], object],
    listener: Listener,
    stop: Stop,
) -> None:
    """Do every `world`-th training from this process's rank on; rank 0 gets all checkpoints.

    It keeps what others send as soon as it has done a training of its own, so that little is lost
    where a process is.

    Args:
        group: the processes.
        folders: of the checkpoints of each training.
        fit: does a training, by its place in `folders`, from its last checkpoint on.
        listener: hears in rank 0 of the epochs of others' trainings when these are done.
        stop: signal that came to this process.

    Raises:
        Interrupted: a signal came to one of the processes.
        MlzooError: another process has failed.
    """
    _unpack(group.share(_packed(folders) if not group.rank else b"", stop), folders)
    for first in range(0, len(folders), group.world):
        turn = range(first, min(first + group.world, len(folders)))
        own = first + group.rank
        if own in turn:
            fit(own)
        if not group.rank:
            group.wait(stop)
        sent = group.gather(_packed([folders[own]]) if own in turn else b"")
        for place, content in zip(turn, sent, strict=False):
            if place != own:
                _unpack(content, [folders[place]])
                _tell(folders[place], listener)


def _tell(folder: Path, listener: Listener) -> None:
    """Tell of the epochs of a training that another process has done."""
    checkpoint = checkpoints.latest(folder, listener)
    if checkpoint is None:
        return
    history = checkpoint.state["history"]
    seconds = checkpoint.state["seconds"] / max(len(history), 1)
    listener.note(f"epochs of {folder.name}, by another process:")
    listener.start(folder.name, len(history), 1)
    for row in history:
        listener.epoch({**row, "seconds": seconds})
    listener.end()


def _packed(folders: Iterable[Path]) -> bytes:
    """Return the files of folders: arrays first, since a checkpoint is there once its JSON is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder in folders:
            for ending in ("npz", "json"):
                for file in sorted(folder.glob(f"*.{ending}")):
                    archive.write(file, f"{folder.name}/{file.name}")
    return buffer.getvalue()


def _unpack(content: bytes, folders: Iterable[Path]) -> None:
    """Write the files of folders that `_packed` has read; others in it are left."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for folder in folders:
            for name in archive.namelist():
                place, _, file = name.partition("/")
                if place == folder.name and not (folder / Path(file).name).exists():
                    folder.mkdir(parents=True, exist_ok=True)
                    files.write_bytes(folder / Path(file).name, archive.read(name))
