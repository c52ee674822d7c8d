"""A folder of data, good and bad, and a few small trained runs, each made once."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.cli import world as made
from tests.cli.shell import Mlzoo, run_mlzoo
from tests.once import once


@pytest.fixture(scope="session")
def world() -> Path:
    """Data sets and configuration files, none of which a command may change."""
    return once("world", made.build)


@pytest.fixture
def mlzoo(tmp_path: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> Mlzoo:
    """`mlzoo(*arguments)` in an empty folder where only `d` stands: a link to `world`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").symlink_to(world)
    return run_mlzoo


@pytest.fixture(scope="session")
def runs(world: Path) -> Path:
    """A folder with the finished runs `table`, `numbers`, `images`, `masks`, `fields`, `own`."""

    def train(root: Path) -> None:
        with contextlib.chdir(world):
            for name, arguments in made.RUNS.items():
                done = run_mlzoo("train", *arguments, "--name", name, "--out", root)
                assert done.code == 0, done.err

    return once("runs", train)


@pytest.fixture
def run(runs: Path, tmp_path: Path) -> Path:
    """A copy of the run `table` to be damaged, at `run` in the working directory."""
    return Path(shutil.copytree(runs / "table", tmp_path / "run")).relative_to(tmp_path)
