"""A full disk is exit 4 in every command, in words that are true there."""

from __future__ import annotations

import builtins
import errno
import io
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Mlzoo


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No file can be opened for writing; the paths that were tried."""
    tried: list[str] = []
    plain = builtins.open

    def refuse(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        path = os.fspath(file) if not isinstance(file, int) else ""
        if set(mode) & set("wax+") and path and not str(path).startswith("/dev/"):
            tried.append(str(path))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return plain(file, mode, *rest, **options)

    monkeypatch.setattr(builtins, "open", refuse)
    monkeypatch.setattr(io, "open", refuse)
    return tried


SMALL = ("--target", "y", "--epochs", 1)
COMMANDS = {
    "train": ("train", "linear", "d/ok.csv", *SMALL),
    "tune": ("tune", "linear", "d/ok.csv", *SMALL, "--trials", 1, "--vary", "l2=0.1,0.2"),
    "predict": ("predict", "run", "d/ok.csv", "--output", "p.csv"),
    "features": ("predict", "run", "d/ok.csv", "--features", "--output", "p.csv"),
    "masks": ("predict", "masks", "d/pairs", "--output", "p"),
    "explain": ("explain", "run", "--method", "integrated_gradients", "--limit", 2),
    "export": ("export", "run", "--format", "keras"),
    "landscape": ("landscape", "bowl", "--steps", 3),
    "augment": ("augment", "write", "d/images", "w", "--policy", "light", "--copies", 1),
    "preview": ("data", "preview", "d/images", "--augment", "light", "--picture", "p.png"),
    "report": ("report", "run"),
    "reproduce": ("reproduce", "numbers"),
    "compare": ("compare", "run", "table", "--out", "c.html"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_writes(
    name: str, mlzoo: Mlzoo, run: Path, runs: Path, full: list[str], tmp_path: Path
) -> None:
    for other in ("masks", "table", "numbers"):
        (tmp_path / other).symlink_to(runs / other)
    before = sorted(path.name for path in tmp_path.iterdir())
    done = mlzoo(*COMMANDS[name])
    assert full, done.err
    assert done.code == 4, done.err
    assert "the disk is full" in done.cause and "free some space" in done.cause
    assert "bug in mlzoo" not in done.err and "--resume" not in done.err
    left = {path.name for path in tmp_path.iterdir()} - {*before, "saved_models", "p"}
    assert not left


def test_a_training_that_was_begun_says_how_to_resume(
    mlzoo: Mlzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "history.csv")

    monkeypatch.setattr("mlzoo.training.scoring.artifacts.plots.learning_curves", stopped)
    done = mlzoo("train", "linear", "d/ok.csv", *SMALL, "--name", "r")
    assert done.code == 4
    assert done.cause == (
        "error: the disk is full: history.csv could not be written; free some space and go on "
        "with: mlzoo train --resume saved_models/r"
    )
    monkeypatch.undo()


@pytest.mark.slow
def test_a_limit_of_size(world: Path, tmp_path: Path) -> None:
    command = ("data", "preview", world / "images", "--augment", "light", "--picture", "p.png")
    done = subprocess.run(
        [sys.executable, "-m", "mlzoo_cli.main", *map(str, command)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        # Python would leave compiled modules cut at the limit, and every later import would fail.
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)),
    )
    assert done.returncode == 4, done.stderr
    assert "the limit of a file's size is reached (ulimit -f)" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_stdout(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{shutil.which('env')} {sys.executable} -m mlzoo_cli.main sources > /dev/full",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.strip() == "error: the disk is full; free some space"
