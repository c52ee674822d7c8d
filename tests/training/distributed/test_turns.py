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

from mlzoo.core.errors import Interrupted
from mlzoo.training.distributed.channel import free_port
from mlzoo.training.distributed.group import Group
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


def write(folder: Path, name: str, content: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for ending in ("npz", "json"):
        (folder / f"{name}.{ending}").write_text(content)


def test_rank_0_has_the_checkpoints_of_all_and_gives_what_it_had(tmp_path: Path) -> None:
    write(folders_of(tmp_path, 0, 5)[1], "state-1", "of an earlier start")
    began: list[tuple[int, int, bool]] = []

    def work(group: Group) -> None:
        folders = folders_of(tmp_path, group.rank, 5)

        def fit(place: int) -> None:
            began.append((group.rank, place, (folders[place] / "state-1.json").exists()))
            write(folders[place], "state-2", f"{group.rank}")

        train_in_turns(group, folders, fit, Stop())

    assert together((0, 2, FACTS), (1, 2, FACTS), work=work) == [None, None]
    expected = [(0, 0, False), (0, 2, False), (0, 4, False), (1, 1, True), (1, 3, False)]
    assert sorted(began) == expected
    for place, folder in enumerate(folders_of(tmp_path, 0, 5)):
        for ending in ("npz", "json"):
            assert (folder / f"state-2.{ending}").read_text() == str(place % 2)


def test_a_signal_ends_the_wait_for_others(tmp_path: Path) -> None:
    stop = Stop()

    def work(group: Group) -> None:
        def fit(place: int) -> None:
            if group.rank:
                stop.signal = signal.SIGTERM
                group.share()  # trains until rank 0 has told that it stops

        train_in_turns(group, folders_of(tmp_path, group.rank, 2), fit, stop)

    results: list[Any] = together((0, 2, FACTS), (1, 2, FACTS), work=work)
    assert [type(result) for result in results] == [Interrupted, Interrupted]
    assert str(results[0]).startswith("stopped while other processes train")


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
