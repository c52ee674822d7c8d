"""From a configuration to a complete run folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import ResourceError, UsageError, disk_full, find_disk_full
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.core.validation.values import trust_flag
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import Merged
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training.distributed.group import current
from mlzoo.training.repeats import train_repeats, train_unscored
from mlzoo.training.signals import Stage, stopping
from mlzoo.training.starting.folder import STARTED, config_text, default_name, seal, write_start
from mlzoo.training.starting.preparing import prepared
from mlzoo.training.starting.resuming import read_again

if TYPE_CHECKING:
    from mlzoo.data.reader import Reader
    from mlzoo.data.samples import Data, Samples


def train_merged(
    merged: Merged,
    *,
    overwrite: bool = False,
    listener: Listener | None = None,
    reader: Reader | None = None,
) -> OpenedRun:
    """Train, evaluate and write a run folder from a checked configuration.

    Args:
        merged: the configuration.
        overwrite: replace a run of the same name.
        listener: hears of progress.
        reader: that of a run whose data are to be read as they were for it.

    Returns:
        The finished run, opened.
    """
    config, listener = merged.config, listener or Listener()
    if overwrite and config.name is None:
        raise UsageError("--overwrite: has no effect without --name")
    if config.log:
        from mlzoo.runs.tracking import check_installed

        check_installed(config)
    run_folder.check_root(Path(config.out))
    if config.name:
        run_folder.check_free(expand(config.out), config.name, overwrite)
    with stopping("reading the data") as stage:
        ready = prepared(merged, listener, reader)
        config, samples, data = ready.merged.config, ready.samples, ready.data
        folder = run_folder.create(Path(config.out), config.name, default_name(config), overwrite)
        flag = trust_flag(config.model_dump())
        try:
            with _resumable(folder, flag):
                text = config_text(ready.merged, set(ready.unread))
                folder.write_text("config.yaml", seal(text))
                write_start(folder, config, data)
                listener.begun(folder.final)
                return _work(folder, config, samples, data, listener, stage)
        except Exception:
            if not folder.has_weights:
                folder.discard()
            raise
        except BaseException:  # stopped: what had begun to train stays
            if folder.path.exists() and not (folder.path / STARTED).exists():
                folder.discard()
            else:
                stage.next = _next_step(folder, flag)
            raise
        finally:
            folder.release()


def _next_step(folder: RunFolder, flag: str) -> str:
    """Say how to continue a run that was stopped; `flag` is the option that its code needs."""
    if not folder.path.exists():
        return f"the run is complete: {folder.final}"
    return f"resume with: mlzoo train --resume {shlex.quote(str(folder.final))}{flag}"


def resume(
    path: str | Path,
    *,
    epochs: int | None = None,
    on: str | None = None,
    trust: bool = False,
    listener: Listener | None = None,
) -> OpenedRun:
    """Resume an unfinished run at its newest checkpoint; arguments and errors: `mlzoo.resume`."""
    listener = listener or Listener()
    path = expand(path)
    if (done := run_folder.completed(path)) is not None:
        listener.note("the run was complete; what was left of its training is removed")
        return OpenedRun(done, trust)
    folder = run_folder.reopen(path)
    try:
        with stopping("reading the data") as stage:
            flag = " --trust" if trust else ""
            try:
                with _resumable(folder, flag):
                    run = read_again(folder, epochs, on, listener, trust)
                    return _work(folder, run.config, run.samples, run.data, listener, stage)
            except BaseException:
                stage.next = _next_step(folder, flag)
                raise
    finally:
        folder.release()


@contextmanager
def _resumable(folder: RunFolder, flag: str) -> Iterator[None]:
    """Say of a full disk how to resume, where there is something; `flag` is as in `_next_step`."""
    try:
        yield
    except Exception as error:
        full = find_disk_full(error)
        if full is None or not folder.has_weights:
            raise
        if current().supervised:
            raise ResourceError(disk_full(full)) from error
        command = f"mlzoo train --resume {shlex.quote(str(folder.final))}{flag}"
        raise ResourceError(f"{disk_full(full)} and go on with: {command}") from error


def _work(
    folder: RunFolder,
    config: RunConfig,
    samples: Samples,
    data: Data,
    listener: Listener,
    stage: Stage,
) -> OpenedRun:
    """Train each repeat that is not done yet, then complete the folder; or train unscored."""
    from mlzoo.runs.tracking import tracked
    from mlzoo.training.scoring.artifacts import complete

    current().run, current().trust = folder, trust_flag(config.model_dump())
    if config.unscored:
        train_unscored(folder, config, data, listener, stage)
        return OpenedRun(folder.finish())
    with tracked(listener, config, folder) as heard:
        records = train_repeats(folder, config, samples, data, heard, stage)
        stage.doing = "writing the report"
        complete(folder.path, folder.final, records)
    return OpenedRun(folder.finish())  # A model with code of its own is loaded by what ran it here.
