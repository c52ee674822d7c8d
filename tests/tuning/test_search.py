from __future__ import annotations

import csv
import math
import os
import signal
import subprocess
import sys
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mlzoo.core import registry
from mlzoo.runs.config_loading import merge
from mlzoo.tuning.executors.engines import Serial
from mlzoo.tuning.results import tables as results
from mlzoo.tuning.search import Search, SearchListener
from mlzoo.tuning.trials.journal import Journal, read
from mlzoo.tuning.trials.trial import FitJob
from tests.strategies.contracts import SPACE
from tests.tuning import made

STRATEGIES = registry.names("strategy")


class Shuffled:
    """Several workers that finish in an order of their own."""

    def __init__(self, size: int, seed: int) -> None:
        self._size, self._random = size, np.random.default_rng(seed)
        self._jobs: deque[FitJob] = deque()

    @property
    def free(self) -> bool:
        return len(self._jobs) < self._size

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def start(self, job: FitJob) -> None:
        self._jobs.append(job)

    def wait(self) -> dict[str, Any]:
        self._jobs.rotate(int(self._random.integers(len(self._jobs))))
        return made.record(self._jobs.popleft())

    def close(self) -> None: ...


def table(folder: Path) -> str:
    return (folder / "trials.csv").read_text()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("race", [False, True])
def test_the_table_is_the_same_for_any_number_of_workers(
    strategy: str, race: bool, tmp_path: Path
) -> None:
    plan = made.plan(strategy, SPACE, trials=9, folds=3, race=race)
    made.search(tmp_path / "one", plan)
    made.search(tmp_path / "many", plan, engine=Shuffled(4, 1))
    assert table(tmp_path / "one") == table(tmp_path / "many")
    assert table(tmp_path / "one").count("\n") == 10


def test_a_grid_tries_every_combination_on_every_fold(tmp_path: Path) -> None:
    search, ended = made.search(tmp_path, made.plan("grid", folds=5, repeats=2))
    assert ended.complete and "exhausted" in ended.reason
    assert len(search.trials) == 36
    fits = [r for r in read(tmp_path / "journal.jsonl") if r["kind"] == "fit"]
    assert len(fits) == len({(f["trial"], f["fold"], f["repeat"]) for f in fits}) == 360


def test_scores_are_means_of_the_journal_s_fits_with_their_standard_errors(tmp_path: Path) -> None:
    made.search(tmp_path, made.plan("grid", folds=5))
    rows = list(csv.DictReader(table(tmp_path).splitlines()))
    fits = [r for r in read(tmp_path / "journal.jsonl") if r["kind"] == "fit"]
    for row in rows:
        own = [f["score"] for f in fits if f["trial"] == int(row["trial"])]
        assert [float(row[f"fold {k}"]) for k in range(1, 6)] == own
        assert float(row["mean"]) == pytest.approx(np.mean(own), rel=1e-15)
        assert float(row["error"]) == pytest.approx(np.std(own, ddof=1) / math.sqrt(5), rel=1e-12)
    first = min(rows, key=lambda row: int(row["rank"]))
    assert float(first["mean"]) == max(float(row["mean"]) for row in rows)


def test_failures_are_outcomes_with_a_cause_and_end_nothing(tmp_path: Path) -> None:
    def fit(job: FitJob) -> dict[str, Any]:
        if job.values["rate"] > 1e-2:
            error = f"DivergedError: the loss became nan in epoch {job.trial}"
            return made.record(job, score=None, error=error)
        return made.record(job)

    search, _ = made.search(tmp_path, made.plan("grid", folds=3), fit)
    failed = [trial for trial in search.trials if trial.state == "failed"]
    assert len(failed) == 12 and all(len(trial.fits) == 1 for trial in failed)
    [group] = results.failures(search.trials)
    assert group["trials"] == [trial.number for trial in failed]
    causes = {row["cause"] for row in csv.DictReader(table(tmp_path).splitlines())}
    assert causes == {"", "DivergedError: the loss became nan in epoch #"}
    assert search.best is not None and search.best.values["rate"] <= 1e-2


def test_a_search_where_all_fails_ends_early(tmp_path: Path) -> None:
    fail = lambda job: made.record(job, score=None, error="ValueError: no")  # noqa: E731
    search, ended = made.search(tmp_path, made.plan("grid"), fit=fail)
    assert (len(search.trials), ended.complete, search.best) == (10, False, None)
    _, ended = made.search(tmp_path / "less", made.plan("grid", max_failures=3), fit=fail)
    assert "3 trials failed" in ended.reason


def test_a_budget_is_overshot_by_less_than_a_fit(tmp_path: Path) -> None:
    now = [0.0]

    def fit(job: FitJob) -> dict[str, Any]:
        now[0] += 7.0
        return made.record(job)

    plan = made.plan("grid", budget=60)
    search, ended = made.search(tmp_path, plan, fit, clock=lambda: now[0])
    assert not ended.complete and "time budget" in ended.reason
    assert 60 <= now[0] < 67
    assert sum(len(trial.fits) for trial in search.trials) == 9
    search, ended = made.search(tmp_path, made.plan("grid"))
    assert ended.complete and len(search.trials) == 36, "more time, and it goes on"


def test_racing_saves_fits_and_keeps_the_winner(tmp_path: Path) -> None:
    whole, _ = made.search(tmp_path / "whole", made.plan("grid", folds=5))
    raced, _ = made.search(tmp_path / "raced", made.plan("grid", folds=5, race=True))
    counts = [sum(len(t.fits) for t in s.trials) for s in (whole, raced)]
    assert counts[0] == 180 and counts[1] <= 0.7 * 180
    assert whole.best is not None and raced.best is not None
    assert whole.best.number == raced.best.number
    dropped = [trial for trial in raced.trials if trial.state == "dropped"]
    assert dropped and all(len(trial.fits) == 2 for trial in dropped)


def test_the_winner_s_configuration_is_one_that_train_takes(tmp_path: Path) -> None:
    plan = made.plan("grid", folds=3)
    plan = type(plan)(plan.run, made.plan(space=_real()).space, plan.search)

    def fit(job: FitJob) -> dict[str, Any]:
        known = made.record(replace(job, values=next(iter(made.FINITE.grid()))))
        return {**known, "score": job.trial / 99}

    search, _ = made.search(tmp_path, plan, fit)
    config = merge({}, tmp_path / "best.yaml").config
    content = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert search.best is not None and search.best.number == len(search.trials) - 1
    assert (config.model, config.data) == ("mlp", "digits")
    assert config.set == {"hidden": [20, 20]}
    assert (config.optimizer, config.momentum) == ("momentum", 0.9)
    assert (config.epochs, config.early_stopping, config.keep) == (10, 0, "last")
    assert config.train_on == "train+valid"
    assert set(content) <= set(type(config).model_fields)


def _real() -> Any:
    from mlzoo.core.configs import RunConfig
    from mlzoo.tuning.space_from_config import build_space

    lines = ["layers=1,2", "units=10,20", "optimizer=adam,momentum", "momentum=0.5,0.9"]
    return build_space(RunConfig(model="mlp", data="digits"), lines, None)


def test_compiled_fits_that_failed_are_told_of_once(tmp_path: Path) -> None:
    told: list[str] = []

    class Heard(SearchListener):
        def note(self, text: str) -> None:
            told.append(text)

    def fit(job: FitJob) -> dict[str, Any]:
        return made.record(job, fallback="ValueError: could not broadcast")

    with Journal(tmp_path / "journal.jsonl") as journal:
        Search(made.plan("grid", folds=3, trials=2), "accuracy", journal, Heard()).run(Serial(fit))
    assert len(told) == 1 and "trial 0 (ValueError: could not broadcast)" in told[0]


_RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.tuning import made
print("ready", flush=True)
plan = made.plan(sys.argv[3], made.FINITE, trials=int(sys.argv[4]), folds=3)
made.search(Path(sys.argv[2]), plan)
"""


def _start(folder: Path, strategy: str, trials: int) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    words = [sys.executable, "-c", _RUN, str(root), str(folder), strategy, str(trials)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["grid", "random"])
def test_killed_at_random_moments_and_gone_on_with_it_ends_with_the_same_table(
    strategy: str, tmp_path: Path
) -> None:
    plan = made.plan(strategy, made.FINITE, trials=24, folds=3)
    made.search(tmp_path / "whole", plan)
    random = np.random.default_rng(len(strategy))
    killed = 0
    journal = tmp_path / "killed" / "journal.jsonl"
    for _ in range(4):
        process = _start(tmp_path / "killed", strategy, 24)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        before = journal.stat().st_size if journal.exists() else 0
        goal = before + int(random.integers(1, 6000))
        while process.poll() is None and (not journal.exists() or journal.stat().st_size < goal):
            pass
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    process = _start(tmp_path / "killed", strategy, 24)
    assert process.wait() == 0
    assert killed >= 2
    assert table(tmp_path / "killed") == table(tmp_path / "whole")


def test_a_search_that_goes_on_does_no_fit_twice(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []

    class Killed(Exception): ...

    def fit(job: FitJob) -> dict[str, Any]:
        if len(done) in (7, 20):
            done.append((-1, -1))
            raise Killed
        done.append((job.trial, job.fold))
        return made.record(job)

    plan = made.plan("random", SPACE, trials=9, folds=3)
    for _ in range(2):
        with pytest.raises(Killed):
            made.search(tmp_path / "killed", plan, fit)
    made.search(tmp_path / "killed", plan, fit)
    real = [fit for fit in done if fit != (-1, -1)]
    assert len(real) == len(set(real)) == 27
    made.search(tmp_path / "whole", plan)
    assert table(tmp_path / "killed") == table(tmp_path / "whole")
