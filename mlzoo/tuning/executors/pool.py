"""Pool of worker processes. One that dies is replaced, and its fit is repeated."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from mlzoo.core.errors import MlzooError, ResourceError
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.trials.trial import FitJob, FitRecord

_LOOK = 0.2
"""Interval between checks of the memory of workers, in seconds."""
COMMAND = (sys.executable, "-m", "mlzoo.tuning.executors.worker")
"""Command line of a worker."""
DEATHS = 3
"""Number of processes that may die in a fit before it counts as failed."""


class Worker:
    """Worker process and its job."""

    def __init__(self, first: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.job: FitJob | None = None
        self.more: list[FitJob] = []
        """Jobs that it runs after its job, or together with it."""
        self.ready = False
        self.fits = 0
        self.over = 0
        """Memory in megabytes that it was killed for."""
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("MLZOO_DEBUG") else subprocess.DEVNULL,
            env=dict(environment),
            bufsize=0,
        )
        self._rest = b""
        self.send(first)

    def send(self, content: Mapping[str, Any]) -> None:
        """Send a line; a dead process is detected when its answer is read."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(content).encode() + b"\n")
        except BrokenPipeError:
            return

    def read(self) -> list[dict[str, object]] | None:
        """Return the answers received; None if the process has died."""
        assert self.process.stdout is not None
        content = os.read(self.process.stdout.fileno(), 2**16)
        if not content:
            return None
        *lines, self._rest = (self._rest + content).split(b"\n")
        return [json.loads(line) for line in lines]

    def end_over(self, most: int) -> None:
        """Kill it if it takes more than `most` megabytes."""
        try:
            taken = psutil.Process(self.process.pid).memory_info().rss // 10**6
        except psutil.Error:
            return  # it has ended already
        if taken > most and not self.over:
            self.over = taken
            self.process.kill()

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Pool:
    """Engine that runs jobs in several processes, each with its share of the cores.

    Args:
        plan: of the search; `plan.search.workers` is the number of processes.
        folder: folder of training states.
        fast: whether fits share compiled programs.
    """

    def __init__(self, plan: Plan, folder: Path, fast: bool) -> None:
        self._first = {"plan": plan.record(), "folder": str(folder.resolve()), "fast": fast}
        self._environment = pinned(plan.search.workers)
        self._selector = selectors.DefaultSelector()
        self._deaths: dict[tuple[int, int, int], int] = {}
        self._records: list[FitRecord] = []
        self._starts = 0
        self._most = plan.search.max_memory
        self.workers = [self._hire() for _ in range(plan.search.workers)]

    def _hire(self) -> Worker:
        worker = Worker(self._first, self._environment)
        assert worker.process.stdout is not None
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        return worker

    @property
    def free(self) -> bool:
        """Return whether a process is idle."""
        return any(worker.job is None for worker in self.workers)

    @property
    def busy(self) -> bool:
        """Return whether a job is running, or a record was not fetched yet."""
        return bool(self._records) or any(worker.job is not None for worker in self.workers)

    def start(self, job: FitJob) -> None:
        """Give a job to an idle process."""
        self._give(next(worker for worker in self.workers if worker.job is None), job)

    def start_group(self, jobs: Sequence[FitJob]) -> None:
        """Give jobs that run at once to an idle process."""
        worker = next(worker for worker in self.workers if worker.job is None)
        worker.job, *worker.more = jobs
        worker.send({"units": [asdict(job) for job in jobs]})

    def _give(self, worker: Worker, job: FitJob) -> None:
        if worker.job is None:
            worker.job = job
        else:
            worker.more.append(job)
        worker.send(asdict(job))

    def wait(self) -> FitRecord:
        """Wait for the next finished job, and return its record."""
        while not self._records:
            if self._most is not None:
                for worker in self.workers:
                    worker.end_over(self._most)
            for key, _ in self._selector.select(None if self._most is None else _LOOK):
                self._hear(key.data)
        return self._records.pop(0)

    def _hear(self, worker: Worker) -> None:
        answers = worker.read()
        if answers is None:
            place = self.workers.index(worker)
            self._replace(worker)
            for job in worker.more:  # one by one, since a single one may have killed it
                self._give(self.workers[place], job)
            return
        for answer in answers:
            if "failed" in answer:
                raise MlzooError(answer["failed"])
            if "lacking" in answer:
                raise ResourceError(answer["lacking"])
            if "ready" in answer:
                worker.ready, self._starts = True, 0
            else:
                assert worker.job is not None
                worker.job = worker.more.pop(0) if worker.more else None
                worker.fits += 1
                record: FitRecord = {**answer, "worker": self.workers.index(worker)}  # type: ignore[typeddict-item]
                self._records.append(record)

    def _replace(self, worker: Worker) -> None:
        """Replace a dead process; the new one repeats its job."""
        assert worker.process.stdout is not None
        self._selector.unregister(worker.process.stdout)
        worker.close()
        code, place = worker.process.returncode, self.workers.index(worker)
        if worker.over and not worker.ready:
            raise ResourceError(
                f"a worker takes {worker.over} MB before its first fit; --max-memory "
                f"{self._most} is too little"
            )
        if not worker.ready:
            self._starts += 1
            if self._starts >= DEATHS:
                raise ResourceError(
                    f"worker processes end with code {code} before they begin; try fewer --workers "
                    "(MLZOO_DEBUG=1 shows what they say)"
                )
        self.workers[place] = new = self._hire()
        job = worker.job
        if job is None:
            return
        if worker.over:
            # Memory left over by earlier fits may have been the cause: retry once in a new process.
            if worker.fits:
                self._give(new, job)
            else:
                self._records.append(failed(job, _too_much(worker.over, self._most)))
            return
        key = (job.trial, *job.key)
        self._deaths[key] = self._deaths.get(key, 0) + worker.ready
        if self._deaths[key] < DEATHS:
            self._give(new, job)
            return
        how = f"signal {-code}" if code < 0 else f"code {code}"
        self._records.append(failed(job, died(how)))

    def close(self) -> None:
        """Stop all processes."""
        self._selector.close()
        for worker in self.workers:
            worker.close()


def died(how: str) -> str:
    """Return the error message of a fit that repeatedly kills its process."""
    return f"ResourceError: {DEATHS} processes in turn died of this fit ({how}); out of memory?"


def _too_much(taken: int, most: int | None) -> str:
    return f"ResourceError: the fit took {taken} MB, more than --max-memory {most}"


def failed(job: FitJob, error: str) -> FitRecord:
    """Return the record of a fit whose process died."""
    return {
        "kind": "fit",
        "trial": job.trial,
        "fold": job.fold,
        "repeat": job.repeat,
        "score": None,
        "epochs": 0,
        "seconds": 0.0,
        "cpu": 0.0,
        "error": error,
        "traceback": None,
    }


def pinned(workers: int) -> dict[str, str]:
    """Return the environment of a worker, limited to its share of the cores."""
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, threads)}
    environment |= dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads)
    if threads == "1":
        flags = environment.get("XLA_FLAGS", "")
        environment["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    package = str(Path(__file__).parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(
        [package, *filter(None, [environment.get("PYTHONPATH", "")])]
    )
    return environment
