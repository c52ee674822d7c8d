"""Trainings that several processes share out, and the same model as of one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlzoo.core.errors import DivergedError, Interrupted
from mlzoo.core.progress import Listener
from mlzoo.training import checkpoints
from mlzoo.training.distributed.channel import free_port
from mlzoo.training.distributed.group import Group, _Apart
from mlzoo.training.signals import Stop
from mlzoo.training.turns import train_in_turns
from tests.cli.shell import run_mlzoo
from tests.training.distributed.test_channel import FACTS, together
from tests.training.distributed.test_processes import ROOT, weights

COMMAND = (
    *("train", "mlp", "iris", "--preset", "none", "--set", "hidden=8", "--set", "dropout=.2"),
    *("--epochs", "3", "--early-stopping", "0", "--baselines", "none", "--pictures", "none"),
    *("--calibrate", "none", "--name", "run"),
)


def folders_of(root: Path, rank: int, count: int) -> list[Path]:
    return [root / str(rank) / f"seed-0-{number}" for number in range(count)]


def save(folder: Path, number: int, value: int) -> None:
    """A checkpoint of two epochs that took 3 s."""
    folder.parent.mkdir(exist_ok=True)
    state = {"history": [{"epoch": 1}, {"epoch": 2}], "seconds": 3.0, "best": None}
    checkpoints.save(folder, number, [np.array([value])], state)


def test_rank_0_has_the_checkpoints_of_all_and_gives_what_it_had(tmp_path: Path) -> None:
    save(folders_of(tmp_path, 0, 5)[1], 1, -1)
    began: list[tuple[int, int, bool]] = []

    def work(group: Group) -> None:
        folders = folders_of(tmp_path, group.rank, 5)

        def fit(place: int) -> None:
            began.append((group.rank, place, folders[place].exists()))
            save(folders[place], 2, group.rank)

        train_in_turns(group, folders, fit, Listener(), Stop())

    assert together((0, 2, FACTS), (1, 2, FACTS), work=work) == [None, None]
    expected = [(0, 0, False), (0, 2, False), (0, 4, False), (1, 1, True), (1, 3, False)]
    assert sorted(began) == expected
    for place, folder in enumerate(folders_of(tmp_path, 0, 5)):
        newest = checkpoints.latest(folder, Listener())
        assert newest is not None and newest.arrays[0].tolist() == [place % 2]


def test_a_signal_ends_the_wait_for_others(tmp_path: Path) -> None:
    stops = Stop(), Stop()

    def work(group: Group) -> None:
        def fit(place: int) -> None:
            if group.rank:
                stops[0].signal = signal.SIGTERM
                train_on(group)

        train_in_turns(
            group, folders_of(tmp_path, group.rank, 2), fit, Listener(), stops[group.rank]
        )

    results: list[Any] = together((0, 2, FACTS), (1, 2, FACTS), work=work)
    assert [type(result) for result in results] == [Interrupted, Interrupted]
    assert str(results[0]).startswith("stopped while other processes train")


def test_a_signal_to_a_process_that_waits_stops_rank_0(tmp_path: Path) -> None:
    def work(group: Group) -> None:
        if group.rank:
            stop = Stop(signal.SIGTERM)
            train_in_turns(group, folders_of(tmp_path, 1, 2), lambda place: None, Listener(), stop)
        else:
            train_on(group)

    results: list[Any] = together((0, 2, FACTS), (1, 2, FACTS), work=work)
    assert [type(result) for result in results] == [Interrupted, Interrupted]


def train_on(group: Group) -> None:
    """As a training does: to the end, or until it is asked to stop or another has failed."""
    alone = _Apart(group)
    for _ in range(1000):
        if number := alone.signal(0):
            raise Interrupted("stopped in epoch 1", number)
        group._failed.wait(0.05)
    raise AssertionError("nobody asked")


def test_epochs_of_others_are_told_and_their_divergence_too(tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []

    class Ear(Listener):
        def start(self, what: str, epochs: int, steps: int) -> None:
            heard.append((what, epochs))

        def epoch(self, row: Any) -> None:
            heard.append((str(row["epoch"]), row["seconds"]))

    def work(group: Group) -> None:
        folders = folders_of(tmp_path, group.rank, 4)

        def fit(place: int) -> None:
            if place == 3:
                raise DivergedError("the loss is nan", {"kept_epoch": 2})
            save(folders[place], 1, place)

        train_in_turns(group, folders, fit, Ear(), Stop())

    told: list[Any] = together((0, 2, FACTS), (1, 2, FACTS), work=work)
    assert heard == [("seed-0-1", 2), ("1", 1.5), ("2", 1.5)]
    assert isinstance(told[0], DivergedError) and str(told[0]) == "rank 1: the loss is nan"
    assert told[0].facts == {"kept_epoch": 2, "rank": 1}
    kept = checkpoints.keep_best(tmp_path, None, told[0])
    assert str(kept) == "rank 1: the loss is nan; no weights are kept"


@pytest.fixture
def second(tmp_path: Path) -> Any:
    """Starts `mlzoo` as rank 1 of 2, at an address that rank 0 is given."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), *sys.path])
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> tuple[str, ...]:
        joining = ("--world", "2", "--coordinator", f"127.0.0.1:{free_port('127.0.0.1')}")
        command = [sys.executable, "-m", "mlzoo", *words, "--rank", "1", *joining]
        environment = {**os.environ, "PYTHONPATH": path}
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, env=environment, cwd=tmp_path, **output))  # type: ignore[call-overload]
        return "--rank", "0", *joining

    yield start
    for process in started:
        printed, told = process.communicate()
        assert process.returncode == 0 and printed == "", told


@pytest.mark.slow
@pytest.mark.parametrize("trainings", [("--folds", "3"), ("--repeats", "2")])
def test_two_processes_end_with_the_bits_of_one(
    trainings: tuple[str, str], second: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = (*COMMAND, *trainings)
    assert run_mlzoo(*words, "--out", "one").code == 0
    done = run_mlzoo(*words, "--out", "two", *second(*words, "--out", "two"))
    assert done.code == 0, done.err
    one, two = tmp_path / "one" / "run", tmp_path / "two" / "run"
    pairs = list(zip(weights(one), weights(two), strict=True))
    assert pairs and all(np.array_equal(*each) for each in pairs)
    first, other = (json.loads((run / "metrics.json").read_text()) for run in (one, two))
    assert first["test"] == other["test"]
    if trainings[0] == "--repeats":
        assert first["repeats"]["summary"] == other["repeats"]["summary"]
    else:
        assert pd.read_csv(one / "out_of_fold.csv").equals(pd.read_csv(two / "out_of_fold.csv"))
    assert "processes" not in json.loads((two / "environment.json").read_text())
