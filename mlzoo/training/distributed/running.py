"""Runs that several processes train: rank 0 writes the run folder, the others follow it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core import files
from mlzoo.core.configs import RunConfig
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import Merged, merge
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.distributed.group import current
from mlzoo.training.distributed.joining import joined
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.repeats import follow_repeats
from mlzoo.training.signals import stopping
from mlzoo.training.starting.folder import STARTED
from mlzoo.training.starting.preparing import prepared
from mlzoo.training.starting.resuming import read_again
from mlzoo.training.train import resume, train_merged

if TYPE_CHECKING:
    from mlzoo.data.samples import Data, Samples


def train_shared(
    merged: Merged, machines: Machines, overwrite: bool, listener: Listener
) -> OpenedRun | None:
    """Train with other processes.

    Args:
        merged: the configuration.
        machines: which process this is, of how many.
        overwrite: replace a run of the same name.
        listener: hears of progress, in rank 0.

    Returns:
        The finished run in rank 0; None elsewhere.
    """
    with joined(machines, merged.config) as group:
        if not group.rank:
            return train_merged(merged, overwrite=overwrite, listener=listener)
        with stopping("reading the data"), _scratch() as folder:
            ready = prepared(merged, Listener())
            _follow(folder, ready.merged.config, ready.samples, ready.data)
    return None


def resume_shared(
    path: Path, machines: Machines, epochs: int | None, trust: bool, listener: Listener
) -> OpenedRun | None:
    """Resume a run with other processes; all see its folder, and rank 0 alone changes it.

    Args:
        path: of the run.
        machines: which process this is, of how many.
        epochs: train up to this many, if not None.
        trust: run code that the folder holds or names.
        listener: hears of progress, in rank 0.

    Returns:
        The finished run in rank 0; None elsewhere.
    """
    path = expand(path)
    if run_folder.finished(path) is not None:  # rank 0 alone says so, or tidies it up
        return None if machines.rank else resume(path, trust=trust, listener=listener)
    partial = run_folder.current(path)
    config = merge({}, partial / "config.yaml", allow_unused=True, trust=trust).config
    # The folds of a preset are known when the data are, and then batches are shared already.
    started = partial / STARTED
    before = files.read_mapping(started) if started.is_file() else {}
    batches = int(before.get("processes", 1)) > 1
    with joined(machines, config, resumed=True, batches=batches) as group:
        if not group.rank:
            return resume(path, epochs=epochs, trust=trust, listener=listener)
        with stopping("reading the data"), _scratch() as folder:
            _copy(partial, folder.path)
            run = read_again(folder, epochs, None, Listener(), trust)
            _follow(folder, run.config, run.samples, run.data)
    return None


def _copy(partial: Path, scratch: Path) -> None:
    """Copy the files of a run, but for those that rank 0 is writing or removes meanwhile."""
    for file in partial.iterdir():
        if file.is_file() and file.name != "lock" and not file.name.startswith("."):
            with suppress(FileNotFoundError):
                shutil.copy(file, scratch)


@contextmanager
def _scratch() -> Iterator[RunFolder]:
    """A folder for what each process writes while it trains, and rank 0 alone keeps."""
    with tempfile.TemporaryDirectory(prefix="mlzoo-rank-") as place:
        folder = Path(place)
        current().scratch = folder
        yield RunFolder(folder, folder, None)


def _follow(folder: RunFolder, config: RunConfig, samples: Samples, data: Data) -> None:
    with stopping("training") as stage:
        follow_repeats(folder, config, samples, data, stage)
