"""Trainings on a Ray cluster: workers are started and watched, and replaced when they die.

Each worker runs one process of the group that `distributed/` joins. When one is lost the others
end, and all are started anew from the last checkpoint: the end has the bits of an unbroken one.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import Interrupted, MlzooError, ResourceError, UsageError
from mlzoo.core.files import expand
from mlzoo.core.progress import Listener
from mlzoo.core.remote.ray_cluster import import_ray, join
from mlzoo.core.validation.values import trust_flag
from mlzoo.data.policies import GENERATED
from mlzoo.runs import run_folder
from mlzoo.runs.config_loading import Merged, merge
from mlzoo.runs.opened import OpenedRun
from mlzoo.training.distributed.joining import check_backend, check_config
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.signals import AGAIN, Stop, caught
from mlzoo.training.train import resume
from mlzoo.training.workers.attempt import Attempt, Job, WorkerLost
from mlzoo.training.workers.shipping import plugin_names

TRIES = 3
"""Times that workers are started anew without a new checkpoint between."""


def train_on_ray(
    merged: Merged,
    machines: Machines,
    overwrite: bool,
    listener: Listener,
    trust: bool = False,
) -> OpenedRun:
    """Train on the workers of a Ray cluster.

    Args:
        merged: the configuration.
        machines: how many workers, and the cluster.
        overwrite: replace a run of the same name.
        listener: hears of progress.
        trust: run code that files name, as when `merged` was read.

    Returns:
        The finished run.

    Raises:
        UsageError: the backend, a setting or what the workers have does not allow it.
        ResourceError: there is no cluster or no room, or workers are lost again and again.
        Interrupted: a signal came.
    """
    config = merged.config
    _check(config, machines)
    if overwrite and config.name is None:
        raise UsageError("--overwrite: has no effect without --name")
    out = Path(os.path.abspath(expand(config.out)))
    run_folder.check_root(out)
    if config.name:
        run_folder.check_free(out, config.name, overwrite)
    order: dict[str, Any] = {
        "resume": None,
        "epochs": None,
        "trust": trust,
        "trusted": from_home(registry.trusted(plugin_names(config))),
        "config": from_home(config.model_dump(mode="json")),
        "given": sorted(merged.given),
        "warnings": list(merged.warnings),
        "allow_unused": merged.allow_unused,
        "overwrite": overwrite,
    }
    flag = " --trust" if trust else trust_flag(config.model_dump())
    return _train(Job(order, config, out, flag), machines, listener)


def resume_on_ray(
    path: Path, machines: Machines, epochs: int | None, trust: bool, listener: Listener
) -> OpenedRun:
    """Resume a run on the workers of a Ray cluster; see `train_on_ray`.

    Args:
        path: of the run.
        machines: how many workers, and the cluster.
        epochs: train up to this many, if not None.
        trust: run code that the folder holds or names.
        listener: hears of progress.
    """
    path = Path(os.path.abspath(expand(path)))
    if run_folder.finished(path) is not None:
        return resume(path, trust=trust, listener=listener)
    folder = run_folder.reopen(path)
    folder.release()  # the worker of rank 0 takes it
    file = folder.path / "config.yaml"
    config = merge({}, file, allow_unused=True, trust=trust).config
    _check(config, machines, resumed=True)
    order: dict[str, Any] = {
        "resume": str(folder.final),
        "epochs": epochs,
        "trust": trust,
        "trusted": from_home(registry.trusted(plugin_names(config))),
        "config": {},
        "given": [],
        "warnings": [],
        "allow_unused": True,
        "overwrite": False,
    }
    flag = " --trust" if trust else ""
    job = Job(order, config, folder.final.parent, flag, folder.final)
    return _train(job, machines, listener)


def _check(config: RunConfig, machines: Machines, resumed: bool = False) -> None:
    import_ray()  # fails before anything is written
    if machines.workers > 1:
        if config.trainings == 1:
            check_backend(machines.workers, "--workers")
        check_config(config, resumed, "--workers")


def _train(job: Job, machines: Machines, listener: Listener) -> OpenedRun:
    """Start workers until they have finished the run."""
    ray = import_ray()
    with _cluster(ray, machines), caught() as stop:
        tries = 0
        while True:
            before = job.checkpoints
            try:
                path = Attempt(ray, job, machines, listener, stop).run()
                return OpenedRun(_short(path), trust=job.order["trust"])
            except WorkerLost as lost:
                tries = 1 if job.checkpoints != before else tries + 1
                if job.finished and job.run is not None:
                    run_folder.tidy(job.run)
                    return OpenedRun(_short(job.run), trust=job.order["trust"])
                if stop.signal:
                    raise _stopped(job, machines, stop) from None
                if tries > TRIES:
                    raise ResourceError(
                        f"{lost}; it was the {tries}th time without a new checkpoint between"
                        f"{_how_on(job, machines)}"
                    ) from None
                _again(job, lost, listener)
            except (Interrupted, KeyboardInterrupt) as error:
                raise _stopped(job, machines, stop, error) from None
            except MlzooError as error:
                if type(error) not in (MlzooError, ResourceError):
                    raise
                raise type(error)(f"{error}{_how_on(job, machines)}") from error


def _again(job: Job, lost: WorkerLost, listener: Listener) -> None:
    """Say how it goes on, and have the next attempt resume the run where there is something."""
    listener.end()
    if job.begun:
        job.order |= {"resume": str(job.run), "overwrite": False}
    where = "from the last checkpoint" if job.checkpoints else "from the start"
    listener.warn(f"{lost}; all workers are started anew {where}")


def _stopped(
    job: Job, machines: Machines, stop: Stop, error: BaseException | None = None
) -> Interrupted:
    what = error.what if isinstance(error, Interrupted) else "stopped while training"
    number = stop.signal or getattr(error, "signal", signal.SIGINT)
    return Interrupted(what, number, _how_on(job, machines).removeprefix("; ") or AGAIN)


def _how_on(job: Job, machines: Machines) -> str:
    """Return how the run is resumed; "" where it has not begun."""
    if job.run is None or not job.begun:
        return ""
    if run_folder.finished(job.run) is not None:
        return f"; the run is complete: {job.run}"
    address = f" --address {shlex.quote(machines.address)}" if machines.address else ""
    return (
        f"; resume with: mlzoo train --resume {shlex.quote(str(_short(job.run)))}{job.flag} "
        f"--engine ray --workers {machines.workers}{address}"
    )


def from_home(value: Any) -> Any:
    """Return the values of a configuration with `~/` replaced: other machines have other homes."""
    if isinstance(value, dict):
        return {name: from_home(each) for name, each in value.items()}
    if isinstance(value, list):
        return [from_home(each) for each in value]
    if isinstance(value, str):
        prefix = GENERATED if value.startswith(GENERATED) else ""
        path = value.removeprefix(prefix)
        return prefix + os.path.expanduser(path) if path.startswith("~/") else value
    return value


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@contextmanager
def _cluster(ray: Any, machines: Machines) -> Iterator[None]:
    own = join(ray, machines.address, machines.workers)
    try:
        yield
    finally:
        if own:
            ray.shutdown()
