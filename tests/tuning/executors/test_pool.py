from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import MlzooError
from mlzoo.tuning.executors.engines import Serial
from mlzoo.tuning.executors.pool import Pool
from mlzoo.tuning.plan import Plan
from mlzoo.tuning.settings import TuneConfig
from mlzoo.tuning.space_from_config import build_space
from mlzoo.tuning.trials.fitting import Evaluator
from mlzoo.tuning.trials.trial import FitJob
from tests.tuning.made import search


def plan(**more: object) -> Plan:
    base = RunConfig(model="mlp", data="diabetes", epochs=3, limit=200)
    space = build_space(base, ["learning_rate=log:1e-3..1e-1", "units=4,8"], None)
    return Plan(base, space, TuneConfig(**{"trials": 5, "folds": 2, "workers": 2, **more}))


class Deadly(Pool):
    """Kills the process that works on a job, once for each of `victims`."""

    victims: list[int]
    killed: int

    def start(self, job: FitJob) -> None:
        super().start(job)
        worker = next(w for w in self.workers if w.job is job)
        if job.trial in self.victims and worker.ready:
            self.victims.remove(job.trial)
            os.kill(worker.process.pid, signal.SIGKILL)
            self.killed += 1


STAND_IN = """
import json, os, signal, sys
sys.stdin.readline()
print(json.dumps({"ready": os.getpid()}), flush=True)
for line in sys.stdin:
    job = json.loads(line)
    if job["trial"] in map(int, sys.argv[1:]):
        signal.pause()
    score = 50 + job["values"]["learning_rate"] + job["fold"] / 8
    record = {"kind": "fit", "score": score, "epochs": 3, "seconds": 0.5, "cpu": 0.5}
    record |= {name: job[name] for name in ("trial", "fold", "repeat")}
    print(json.dumps({**record, "error": None, "traceback": None}), flush=True)
"""
"""Process that answers as a worker does, but loads no library and trains nothing; fits of the
trials that it is given as arguments never end."""


def stand_in(monkeypatch: pytest.MonkeyPatch, *endless: int) -> None:
    """Put `STAND_IN` in the place of workers."""
    command = (sys.executable, "-S", "-c", STAND_IN, *map(str, endless))
    monkeypatch.setattr("mlzoo.tuning.executors.pool.COMMAND", command)


def cpu(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def test_two_workers_give_the_numbers_of_one_process_and_sleep_when_idle(tmp_path: Path) -> None:
    chosen = plan(trials=3)
    pool = Deadly(chosen, tmp_path, True)
    pool.victims, pool.killed = [1], 0
    try:
        found, ended = search(tmp_path / "two", chosen, engine=pool)
        idle = [psutil.Process(worker.process.pid) for worker in pool.workers]
        used, began = cpu(idle), time.monotonic()
        alone, _ = search(tmp_path / "one", chosen, engine=Serial(Evaluator(chosen, tmp_path).fit))
        # A tick is a hundredth.
        assert cpu(idle) - used < 2 * (0.02 * (time.monotonic() - began) + 0.02)
    finally:
        pool.close()
    assert ended.complete and pool.killed == 1
    assert [trial.state for trial in found.trials] == ["done"] * 3
    tables = [(tmp_path / name / "trials.csv").read_text() for name in ("one", "two")]
    assert tables[0] == tables[1], "the same numbers, bit for bit, for one process and two"
    assert alone.best is not None and found.best is not None


def test_workers_that_are_killed_cost_their_fit_only_and_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch)
    tables = []
    for name, victims in (("whole", []), ("killed", [1, 2, 3])):
        pool = Deadly(plan(), tmp_path, True)
        pool.victims, pool.killed = victims, 0
        try:
            found, ended = search(tmp_path / name, plan(), engine=pool)
        finally:
            processes = [worker.process for worker in pool.workers]
            pool.close()
        assert ended.complete and pool.killed >= 2 * (name == "killed")
        assert [trial.state for trial in found.trials] == ["done"] * 5
        assert all(process.poll() is not None for process in processes)
        tables.append((tmp_path / name / "trials.csv").read_text())
    assert tables[0] == tables[1]


def test_a_fit_that_kills_every_process_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, 1)
    pool = Pool(plan(), tmp_path, True)
    try:
        for fold in range(2):
            pool.start(FitJob(0, fold, 0, {"learning_rate": 0.01, "units": 4}))
        assert [pool.wait()["error"] for _ in range(2)] == [None, None]
        other = pool.workers[1].process.pid
        bad = FitJob(1, 0, 0, {"learning_rate": 0.01, "units": 4})
        for _ in range(3):
            worker = pool.workers[0]
            worker.job, worker.ready = bad, True
            worker.process.kill()
            while pool.workers[0] is worker:
                pool._hear(worker)
        record = pool.wait()
        assert "3 processes in turn died of this fit (signal 9)" in record["error"]
        assert pool.workers[1].process.pid == other and pool.workers[1].job is None
    finally:
        pool.close()


def test_what_a_worker_refuses_ends_the_search(tmp_path: Path) -> None:
    chosen = plan(workers=1)
    wrong = Plan(chosen.run.model_copy(update={"data": "nowhere.csv"}), chosen.space, chosen.search)
    pool = Pool(wrong, tmp_path, True)
    try:
        with pytest.raises(MlzooError, match=r"nowhere\.csv"):
            pool.start(FitJob(0, 0, 0, {}))
            pool.wait()
    finally:
        pool.close()


def test_a_worker_that_takes_too_much_memory_is_ended_and_its_fit_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, 1)
    chosen = plan(workers=1, trials=3, folds=1, max_memory=50_000)

    class Greedy(Pool):
        """The limit is below what a worker takes while trial 1 is at work."""

        @property
        def _most(self) -> int:
            worker = self.workers[0]
            return 1 if worker.ready and worker.job and worker.job.trial == 1 else 50_000

        @_most.setter
        def _most(self, value: int | None) -> None:
            assert value == 50_000

        def wait(self) -> dict[str, Any]:
            record = super().wait()
            pids.append(self.workers[0].process.pid)
            return record

    pids: list[int] = []
    pool = Greedy(chosen, tmp_path, True)
    try:
        found, ended = search(tmp_path / "one", chosen, engine=pool)
    finally:
        pool.close()
    assert ended.complete
    assert [trial.state for trial in found.trials] == ["done", "failed", "done"]
    failure = found.trials[1].failure
    assert failure is not None and "MB, more than --max-memory" in failure["error"]
    assert len(set(pids)) == 2, "it had a process of its own before it was given up"
    seen = found.trials[1].seen(True, "rmse")
    assert seen.state == "failed" and seen.loss is None
