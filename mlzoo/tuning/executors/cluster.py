"""Executor of fits on a Ray cluster, with one actor per worker.

An actor loads Keras and the data once, so that the start-up time is paid once per worker. All
machines must see the search's folder and the data under the same paths. An actor that dies is
replaced, and its fit is repeated.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlzoo.core.backbones import placed
from mlzoo.core.errors import MlzooError, ResourceError
from mlzoo.core.remote.ray_cluster import import_ray, join
from mlzoo.runs.contents.resolved_config import absolute_fields
from mlzoo.tuning.executors.pool import DEATHS, died, failed, pinned
from mlzoo.tuning.executors.worker import WorkerStart
from mlzoo.tuning.plan import Plan, PlanRecord
from mlzoo.tuning.trials.trial import FitJob, FitRecord

_PATIENCE = 300.0
"""Seconds to wait for room for the first actor."""


class Actor:
    """Worker on a machine of the cluster; the counterpart of a process of `pool`."""

    def __init__(self, first: WorkerStart, threads: dict[str, str]) -> None:
        os.environ.update(threads)  # before Keras is imported
        from mlzoo.tuning.executors.worker import make_evaluator

        self._failed: str | None = None
        try:
            self._evaluator = make_evaluator(first)
        except MlzooError as error:
            self._failed = str(error)

    def ready(self) -> str | None:
        """Return None if it can work, otherwise the error."""
        return self._failed

    def fit(self, job: Mapping[str, Any]) -> FitRecord:
        """Run a job, and return its record for the journal."""
        record: FitRecord = self._evaluator.fit(FitJob(**job))
        return record


class Cluster:
    """Engine that runs jobs on several actors in parallel.

    Args:
        plan: of the search; `workers` is the number of actors, `address` the cluster.
        folder: folder of training states.
        fast: whether fits share compiled programs.

    Raises:
        UsageError: Ray is not installed.
        ResourceError: there is no cluster at the address, or it has no room for an actor.
    """

    def __init__(self, plan: Plan, folder: Path, fast: bool) -> None:
        self._ray = import_ray()
        self._own = join(self._ray, plan.search.address, plan.search.workers)
        first = {"plan": _anywhere(plan), "folder": str(folder.resolve()), "fast": fast}
        self._arguments = first, _threads(plan)
        self._kind = self._ray.remote(num_cpus=1, max_restarts=0)(Actor)
        self._actors: dict[int, Any] = {}
        self._starting: dict[Any, int] = {}
        self._working: dict[Any, tuple[int, FitJob]] = {}
        self._again: deque[FitJob] = deque()
        self._deaths: dict[tuple[int, int, int], int] = {}
        self._records: list[FitRecord] = []
        for place in range(plan.search.workers):
            self._hire(place)

    def _hire(self, place: int) -> None:
        self._actors[place] = self._kind.remote(*self._arguments)
        self._starting[self._actors[place].ready.remote()] = place

    @property
    def _idle(self) -> list[int]:
        taken = {*self._starting.values(), *(place for place, _ in self._working.values())}
        return [place for place in self._actors if place not in taken]

    @property
    def free(self) -> bool:
        """Return whether fewer jobs are waiting or running than there are actors."""
        return len(self._working) + len(self._again) + len(self._records) < len(self._actors)

    @property
    def busy(self) -> bool:
        """Return whether a job is waiting or running, or a record was not fetched yet."""
        return bool(self._records or self._working or self._again)

    def start(self, job: FitJob) -> None:
        """Give a job to an idle actor, or queue it for the first one."""
        self._again.append(job)
        self._share_out()

    def _share_out(self) -> None:
        for place in self._idle:
            if self._again:
                job = self._again.popleft()
                self._working[self._actors[place].fit.remote(asdict(job))] = place, job

    def wait(self) -> FitRecord:
        """Wait for the next finished job, and return its record."""
        while not self._records:
            waiting = [*self._working, *self._starting]
            done, _ = self._ray.wait(waiting, num_returns=1, timeout=_PATIENCE)
            if not done and not self._working:
                raise ResourceError(
                    f"no machine of the cluster has taken a worker for {_PATIENCE:.0f} s: each "
                    "needs a free core (`ray status`)"
                )
            for reference in done:
                self._hear(reference)
            self._share_out()
        return self._records.pop(0)

    def _hear(self, reference: Any) -> None:
        place = self._starting.get(reference)
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._replace(reference, error)
            return
        if place is not None:
            del self._starting[reference]
            if answer is not None:
                raise MlzooError(answer)
            return
        place, _ = self._working.pop(reference)
        record: FitRecord = {**answer, "worker": place}  # type: ignore[typeddict-item]
        self._records.append(record)

    def _replace(self, reference: Any, error: Exception) -> None:
        """Replace a dead actor; its job goes to the first idle one."""
        if reference in self._starting:
            place = self._starting.pop(reference)
            if self._died((-1, place, 0)):
                reason = str(error).strip().splitlines()[0]
                raise ResourceError(f"workers on the cluster end before they begin: {reason}")
            self._hire(place)
            return
        place, job = self._working.pop(reference)
        self._hire(place)
        if self._died((job.trial, *job.key)):
            self._records.append(failed(job, died("the cluster's worker")))
        else:
            self._again.appendleft(job)

    def _died(self, key: tuple[int, int, int]) -> bool:
        """Count a death, and return whether the job has had too many."""
        self._deaths[key] = self._deaths.get(key, 0) + 1
        return self._deaths[key] >= DEATHS

    def close(self) -> None:
        """End the actors; the cluster stays, unless it was started here."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        if self._own:
            self._ray.shutdown()


def _anywhere(plan: Plan) -> PlanRecord:
    """Return the plan's record with absolute paths."""
    record, run = plan.record(), plan.run
    fixed = absolute_fields(run) | {"set": placed(record["run"]["set"])}
    return {**record, "run": {**record["run"], **fixed}}


def _threads(plan: Plan) -> dict[str, str]:
    """Return the environment variables that limit an actor to one core."""
    alone = pinned(os.cpu_count() or 1)
    names = [n for n in alone if n.endswith("_THREADS")]
    names += ["XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND"]
    return {name: alone[name] for name in names if name in alone}
