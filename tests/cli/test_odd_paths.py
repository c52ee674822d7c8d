"""Pipes, devices, unknown users, links to themselves, names that are no UTF-8, an ASCII stdout."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Mlzoo, process
from tests.data.pictures import folder, noise, save


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """End a test that waits for a pipe."""

    def give_up(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(180)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def _pipes(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt", "a.npz", "a.npy", "a.yaml", "a.png", "a.parquet", "a"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "loop.csv").symlink_to("loop.csv")


PIPE = "is a pipe (FIFO), not a file"
LINES = [
    *((f"train mlp {name}", 3, f"{name} {PIPE}") for name in ("a.csv", "a.txt", "a.npz", "a")),
    ("train mlp a.csv --source table --target y", 3, f"a.csv {PIPE}"),
    ("data inspect a.parquet", 3, f"a.parquet {PIPE}"),
    ("train mlp /dev/zero", 3, "/dev/zero is a device, not a file"),
    ("train mlp loop.csv", 3, "loop.csv is a link that leads to itself, not a file"),
    ("train --config a.yaml", 2, f"--config: a.yaml {PIPE}"),
    ("train --config /dev/zero", 2, "--config: /dev/zero is a device, not a file"),
    ("train mlp digits --augment a.yaml", 2, f"a.yaml {PIPE}"),
    ("tune mlp digits --space a.yaml", 2, f"--space: a.yaml {PIPE}"),
    ("train mlp ~nobody-there/x.csv", 2, "there is no home folder of a user 'nobody-there'"),
    ("train mlp digits --out ~nobody-there", 2, "there is no home folder of a user"),
    ("train --config ~nobody-there/c.yaml", 2, "--config: ~nobody-there/c.yaml: there is no home"),
    ("predict ~nobody-there/run x.csv", 2, "there is no home folder of a user"),
    ("evaluate loop.csv", 2, "there is no run folder loop.csv"),
    ("train loop.py digits", 2, "no file 'loop.py'"),
]


@pytest.mark.parametrize(("line", "code", "words"), LINES, ids=[line[0] for line in LINES])
def test_what_is_no_file(line: str, code: int, words: str, mlzoo: Mlzoo, tmp_path: Path) -> None:
    (tmp_path / "loop.py").symlink_to("loop.py")
    done = mlzoo(*line.split())
    assert done.code == code, done.err
    assert words in done.err
    assert "bug in mlzoo" not in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.png", "/dev/zero", "loop.csv"])
def test_predicting_what_is_no_file(name: str, mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("predict", runs / "images", name)
    assert done.code == 3 and ", not a file" in done.cause, done.err


def test_pipes_and_links_to_themselves_among_images(mlzoo: Mlzoo, tmp_path: Path) -> None:
    root = folder(tmp_path / "images", {"a": 9, "b": 9})
    os.mkfifo(root / "a/pipe.png")
    (root / "b/loop.png").symlink_to("loop.png")
    (root / "loop").symlink_to("loop")
    done = mlzoo("train", "cnn", "images")
    assert done.code == 3
    assert "a/pipe.png: is a pipe (FIFO), not a file" in done.err
    assert "b/loop.png: is a link that leads to itself, not a file" in done.err
    pairs = folder(tmp_path / "pairs", {"images": 3}, channels=1)
    for number in range(3):
        save(pairs / f"masks/{number:04d}.png", 255 * (noise(number, channels=1) > 99).astype("u1"))
    os.mkfifo(pairs / "images/p.png")
    os.mkfifo(pairs / "masks/p.png")
    done = mlzoo("train", "unet", "pairs")
    assert done.code == 3 and "images/p.png: is a pipe (FIFO), not a file" in done.err


@pytest.mark.slow
def test_names_that_are_no_utf8_and_an_ascii_stdout(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    root = folder(tmp_path / "\u00e9", {odd: 12, "\u00e9\U0001f600": 12})
    for number in range(3):
        (root / odd / f"000{number}.png").rename(root / odd / f"{odd}{number}.png")
    done = process("data", "inspect", "\u00e9", "--json", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.code == 0, done.err
    names = [row["name"] for row in json.loads(done.out)["classes"]]
    assert names == ["caf\\udce9", "\u00e9\U0001f600"]


@pytest.mark.slow
def test_a_run_on_names_that_are_no_utf8(mlzoo: Mlzoo, tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    root = folder(tmp_path / "pictures", {odd: 12, "b": 12})
    (root / "b/0003.png").rename(root / f"b/{odd}.png")
    small = ("--epochs", 1, "--set", "filters=2", "--size", "8", "--name", "r")
    done = mlzoo("train", "cnn", "pictures", *small)
    assert done.code == 0, done.err
    done = mlzoo("evaluate", "saved_models/r")
    assert done.code == 0, done.err
    done = mlzoo("predict", "saved_models/r", "pictures", "--output", "p.csv")
    assert done.code == 0, done.err
    assert "b/caf\\udce9.png," in Path("p.csv").read_text("utf-8")
    root.rename(tmp_path / odd)  # a path, other than the names below it, has to be written down
    for command in (("train", "cnn", odd), ("predict", "saved_models/r", odd)):
        done = mlzoo(*command)
        assert done.code == 3 and "names must be UTF-8, but got 'caf\\xe9'; rename" in done.err
