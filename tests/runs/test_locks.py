"""Locks and memory where Python has neither `fcntl` nor `resource`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mlzoo.runs import locks
from mlzoo.runs.run_folder import FolderInUse, lock

_ALONE = """
import sys

import psutil  # on Linux it is made of `resource` itself

sys.modules["fcntl"] = sys.modules["resource"] = None  # importing them fails

import mlzoo
from mlzoo.runs.devices import peak_memory_mb

run = mlzoo.train("mlp", "iris", epochs=1, baselines="none", pictures="none", out=sys.argv[1])
assert run.metrics["headline"]["name"] == "accuracy" and not (run.path / "lock").exists()
assert peak_memory_mb() > 50
"""


@pytest.mark.slow
def test_trains_without_modules_of_unix(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _ALONE, str(tmp_path)], check=True)


@pytest.mark.parametrize("system", ["fcntl", None])
def test_another_process_has_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str | None
) -> None:
    if system is None:
        monkeypatch.setitem(sys.modules, "fcntl", None)
    (tmp_path / "lock").write_text(f"process {os.getppid()}")
    if system is None:
        with pytest.raises(FolderInUse, match=f"in use by process {os.getppid()}"):
            lock(tmp_path)
    else:  # the system knows that nobody has it
        lock(tmp_path).close()


def test_a_number_that_was_given_anew_is_no_owner(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lock"
    path.write_text(f"process {os.getppid()}")
    before = psutil.Process(os.getppid()).create_time() - 10
    os.utime(path, (before, before))
    with path.open("a+") as file:
        locks.lock_by_owner(file)
    path.write_text(f"process {2**22 + 1}")
    with path.open("a+") as file:
        locks.lock_by_owner(file)
