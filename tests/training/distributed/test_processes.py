"""A training by two processes on loopback: killed, resumed, and equal to one on two devices."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlzoo.training.distributed.channel import free_port

ROOT = Path(__file__).parents[3]
# 90 rows: the last batch of an epoch has 6. An epoch takes a while, so that a kill meets one.
COMMAND = (
    *("train", "mlp", "iris", "--preset", "none", "--set", "hidden=8", "--set", "dropout=.2"),
    *("--epochs", "40", "--batch-size", "12", "--early-stopping", "0", "--checkpoint-every", "0"),
    *("--baselines", "none", "--pictures", "none", "--class-weights", "auto", "--name", "run"),
)
pytestmark = pytest.mark.slow


def start(folder: Path, *words: str, flags: str = "") -> subprocess.Popen[str]:
    """`mlzoo` with these words in a process of its own, in a folder."""
    xla = f"--xla_backend_optimization_level=0 {flags}"
    given = {"KERAS_BACKEND": "jax", "XLA_FLAGS": xla, "TMPDIR": str(folder)}
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-m", "mlzoo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **given, "PYTHONPATH": path},
        cwd=folder,
    )


def pair(folder: Path, *words: str) -> list[subprocess.Popen[str]]:
    """The processes of ranks 0 and 1."""
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    joining = ("--world", "2", "--coordinator", address)
    return [start(folder, *words, "--rank", str(rank), *joining) for rank in (0, 1)]


def weights(run: Path) -> list[np.ndarray]:
    """The weights of a finished run, as its file holds them."""
    import h5py

    arrays = []
    folder = run.parent / f"{run.name}-weights"
    shutil.unpack_archive(run / "model.keras", folder, "zip")
    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(
            lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    return arrays


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def one(folder: Path) -> Path:
    """The run of one process on two devices, whose sums of two numbers round alike."""
    flags = "--xla_force_host_platform_device_count=2"
    process = start(folder, *COMMAND, "--out", "one", "--devices", "2", flags=flags)
    _, told = process.communicate()
    assert process.returncode == 0, told
    return folder / "one" / "run"


@pytest.fixture(scope="module")
def killed(folder: Path) -> tuple[int, str]:
    """Exit code and messages of rank 0, the other having been killed within the training."""
    first, second = pair(folder, *COMMAND, "--out", "two")
    states = folder / "two" / "run.partial" / "checkpoints" / "seed-0"
    while not any(states.glob("state-*.json")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            first.wait(0.02)
            raise AssertionError(first.communicate())
    second.send_signal(signal.SIGKILL)
    second.communicate()
    _, told = first.communicate()
    return first.returncode, told


def test_the_others_stop_with_a_reason(killed: tuple[int, str], folder: Path) -> None:
    code, told = killed
    assert code == 4, told
    assert "error: rank 1: the process was lost: it has ended" in told
    assert "mlzoo train --resume" in told
    assert (folder / "two" / "run.partial" / "config.yaml").exists()


def test_a_resumed_training_has_the_bits_of_an_unbroken_one(
    one: Path, killed: tuple[int, str], folder: Path
) -> None:
    processes = pair(folder, "train", "--resume", "two/run")
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert "run folder: two/run" in answers[0][1] and answers[1] == ("", "")
    two = folder / "two" / "run"
    pairs = list(zip(weights(one), weights(two), strict=True))
    assert pairs and all(np.array_equal(*each) for each in pairs)
    first, second = (pd.read_csv(run / "history.csv") for run in (one, two))
    assert first["loss"].equals(second["loss"])
    assert np.allclose(first["val_loss"], second["val_loss"], rtol=1e-5)  # of parts by themselves
    assert json.loads((two / "environment.json").read_text())["processes"] == 2
    assert len(list(folder.glob("mlzoo-rank-*"))) == 1  # of the process that was killed
