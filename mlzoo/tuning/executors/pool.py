"""Several processes that do fits. One that dies is replaced and its fit is done again."""

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
from mlzoo.tuning.trials.trial import Unit

_LOOK = 0.2
"""Seconds between two looks at the memory of workers."""
DEATHS = 3
"""A fit that has cost so many processes their lives is a failure."""


class Worker:
    """One process and the unit that it works on."""

    def __init__(self, first: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        self.unit: Unit | None = None
        self.more: list[Unit] = []
        """What it does after its unit, or together with it."""
        self.ready = False
        self.fits = 0
        self.over = 0
        """Megabytes that it was ended for."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlzoo.tuning.executors.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("MLZOO_DEBUG") else subprocess.DEVNULL,
            env=dict(environment),
            bufsize=0,
        )
        self._rest = b""
        self.send(first)

    def send(self, content: Mapping[str, Any]) -> None:
        """Send a line; a process that has died is found out when it is read."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(content).encode() + b"\n")
        except BrokenPipeError:
            return

    def read(self) -> list[dict[str, Any]] | None:
        """Answers that have come; None where the process is gone."""
        assert self.process.stdout is not None
        content = os.read(self.process.stdout.fileno(), 2**16)
        if not content:
            return None
        *lines, self._rest = (self._rest + content).split(b"\n")
        return [json.loads(line) for line in lines]

    def end_over(self, most: int) -> None:
        """Kill it where it takes more megabytes than `most`."""
        try:
            taken = psutil.Process(self.process.pid).memory_info().rss // 10**6
        except psutil.Error:
            return  # it is gone already
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
    """Processes that work on units at the same time, with their share of the cores each.

    Args:
        plan: the search; `plan.search.workers` is how many processes there are.
        folder: where states are kept.
        fast: whether fits share what was compiled.
    """

    def __init__(self, plan: Plan, folder: Path, fast: bool) -> None:
        self._first = {"plan": plan.record(), "folder": str(folder.resolve()), "fast": fast}
        self._environment = pinned(plan.search.workers)
        self._selector = selectors.DefaultSelector()
        self._deaths: dict[tuple[int, int, int], int] = {}
        self._records: list[dict[str, Any]] = []
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
        """Whether a process has nothing to do."""
        return any(worker.unit is None for worker in self.workers)

    @property
    def busy(self) -> bool:
        """Whether a unit is being worked on, or its record was not fetched yet."""
        return bool(self._records) or any(worker.unit is not None for worker in self.workers)

    def start(self, unit: Unit) -> None:
        """Give a unit to a process that has nothing to do."""
        self._give(next(worker for worker in self.workers if worker.unit is None), unit)

    def start_group(self, units: Sequence[Unit]) -> None:
        """Give units that are done together to a process that has nothing to do."""
        worker = next(worker for worker in self.workers if worker.unit is None)
        worker.unit, *worker.more = units
        worker.send({"units": [asdict(unit) for unit in units]})

    def _give(self, worker: Worker, unit: Unit) -> None:
        if worker.unit is None:
            worker.unit = unit
        else:
            worker.more.append(unit)
        worker.send(asdict(unit))

    def wait(self) -> dict[str, Any]:
        """The record of the next unit that is done; sleeps until then."""
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
            for unit in worker.more:  # one by one: a single one may have been deadly
                self._give(self.workers[place], unit)
            return
        for answer in answers:
            if "failed" in answer:
                raise MlzooError(answer["failed"])
            if "lacking" in answer:
                raise ResourceError(answer["lacking"])
            if "ready" in answer:
                worker.ready, self._starts = True, 0
            else:
                assert worker.unit is not None
                worker.unit = worker.more.pop(0) if worker.more else None
                worker.fits += 1
                self._records.append({**answer, "worker": self.workers.index(worker)})

    def _replace(self, worker: Worker) -> None:
        """Hire another process for one that has died, which does its unit again."""
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
        unit = worker.unit
        if unit is None:
            return
        if worker.over:
            # What earlier fits left may be what was too much: it has a process of its own, once.
            if worker.fits:
                self._give(new, unit)
            else:
                self._records.append(failed(unit, _too_much(worker.over, self._most)))
            return
        key = (unit.trial, *unit.key)
        self._deaths[key] = self._deaths.get(key, 0) + worker.ready
        if self._deaths[key] < DEATHS:
            self._give(new, unit)
            return
        how = f"signal {-code}" if code < 0 else f"code {code}"
        self._records.append(failed(unit, died(how)))

    def close(self) -> None:
        """End all processes."""
        self._selector.close()
        for worker in self.workers:
            worker.close()


def died(how: str) -> str:
    """What is told of a fit that no process survives."""
    return f"ResourceError: {DEATHS} processes in turn died of this fit ({how}); out of memory?"


def _too_much(taken: int, most: int | None) -> str:
    return f"ResourceError: the fit took {taken} MB, more than --max-memory {most}"


def failed(unit: Unit, error: str) -> dict[str, Any]:
    """The record of a fit that no process lived to tell of."""
    return {
        "kind": "fit",
        "trial": unit.trial,
        "fold": unit.fold,
        "repeat": unit.repeat,
        "score": None,
        "epochs": 0,
        "seconds": 0.0,
        "cpu": 0.0,
        "error": error,
        "traceback": None,
    }


def pinned(workers: int) -> dict[str, str]:
    """The environment of a worker: its share of the cores and no more, whoever asks."""
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    found = {**os.environ, **dict.fromkeys(names, threads)}
    found |= dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads)
    if threads == "1":
        flags = found.get("XLA_FLAGS", "")
        found["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    found["TF_CPP_MIN_LOG_LEVEL"] = "3"
    package = str(Path(__file__).parents[3])
    found["PYTHONPATH"] = os.pathsep.join([package, *filter(None, [found.get("PYTHONPATH", "")])])
    return found
