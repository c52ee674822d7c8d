"""Shared by the benchmarks: processes and their cost, taking turns, tables, the data folder."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
MLZOO = Path(sys.executable).with_name("mlzoo")


@dataclass(frozen=True)
class Cost:
    """Cost of one finished process: seconds, MiB at its peak, its exit code and its words."""

    user: float
    cpu: float
    wall: float
    peak: float
    code: int
    out: str
    err: str


def run(command: Sequence[Any], **env: str) -> Cost:
    """Run a process to its end and measure it alone, whatever else this machine does."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=out,
            stderr=err,
            env={**os.environ, **env},
            cwd=REPOSITORY,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = [_text(file) for file in (out, err)]
    return Cost(
        user=usage.ru_utime,
        cpu=usage.ru_utime + usage.ru_stime,
        wall=wall,
        peak=usage.ru_maxrss / 1024,
        code=process.returncode,
        out=texts[0],
        err=texts[1],
    )


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


def run_well(command: Sequence[Any], **env: str) -> Cost:
    """`run`, for a process that must exit with 0.

    Raises:
        SystemExit: it did not; what it said is shown.
    """
    cost = run(command, **env)
    if cost.code:
        sys.exit(f"{shown(command)} ended with {cost.code}:\n{cost.err[-3000:]}")
    return cost


def in_turns(sides: Mapping[str, Callable[[], Cost]], repeats: int) -> dict[str, list[Cost]]:
    """Measure the sides one after the other, `repeats` times, so that noise hits them alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, measure in sides.items():
            costs[name].append(measure())
    return costs


def shown(command: Sequence[Any]) -> str:
    """A command as a user would type it."""
    words = [Path(str(command[0])).name, *map(str, command[1:])]
    return " ".join(f"'{word}'" if set(word) & set("^()<>\\ ") else word for word in words)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows in columns; numbers stand right."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    numeric = [
        all(isinstance(v, int | float) for v in column) for column in zip(*rows, strict=True)
    ]
    for line in [list(header), *texts]:
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric or [False] * len(line), strict=True)
        ]
        print("  ".join(cells).rstrip(), flush=True)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def verdict(holds: bool) -> str:
    """Result of holding a figure to its bar."""
    return "met" if holds else "MISSED"


def best(values: Sequence[float]) -> float:
    """The smallest: what the work costs where nothing else disturbs it."""
    return min(values)


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))


def arguments(doc: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """A parser whose help is the module's docstring; `defaults` are its options' names."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"(default {value})")
    return parser


def peers_python() -> Path:
    """The Python of the environment that peers live in, made of their own pins if it is missing."""
    folder = REPOSITORY / "benchmarks" / "peers"
    python = folder / ".venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
        install = [python, "-m", "pip", "install", "-q", "-r", folder / "requirements.txt"]
        subprocess.run(install, check=True)
    return python


def data_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--data`, the folder of real data."""
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("../shared/data"),
        help="folder of real data sets (default ../shared/data beside the repository)",
    )


def data_file(folder: Path, name: str) -> Path:
    """A file or folder of the real data; ends the benchmark where it is not there."""
    path = (REPOSITORY / folder / name).resolve()
    if not path.exists():
        print(f"{path} is not there, so there is nothing to measure; name its folder with --data")
        sys.exit(0)
    return path
