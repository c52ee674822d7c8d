"""Seconds and megabytes of installing from a wheel, and the first training.

The wheel of this checkout is installed into a fresh environment from the package index,
with the versions of requirements-base.lock and uncompiled, as `make demo` does, or as pip alone
does it (`--plain`: any versions that fit, compiled). Then `mlzoo train cnn digits` runs there,
outside of the checkout, and its report is looked at.

Seconds are of the clock and, in brackets, of all cores: those hold where the machine does more.

    python benchmarks/install.py [--plain] [--epochs 30]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOST_MB = 2900
"""Megabytes of the environment, at most."""


def run(*words: str | Path, folder: Path, **environment: str) -> tuple[float, float]:
    """Run a command in a folder, quietly; return its seconds by the clock and of all cores."""
    clean = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    began, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}"[-4000:])
    wall, after = time.perf_counter() - began, os.times()
    user, system = (
        getattr(after, kind) - getattr(before, kind)
        for kind in ("children_user", "children_system")
    )
    return wall, user + system


def note(what: str, seconds: tuple[float, float], size: float, comment: object) -> None:
    """Print a line of the result."""
    wall, cores = seconds
    print(f"{what:14} {wall:7.1f} s ({cores:6.1f} s) {size:8.1f} MB  {comment}", flush=True)


def megabytes(folder: Path) -> float:
    """Return the size of all files of a folder on the disk, in 10^6 bytes."""
    stats = [path.lstat() for path in folder.rglob("*") if not path.is_dir()]
    return sum(512 * stat.st_blocks for stat in stats) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plain", action="store_true", help="install by pip alone")
    parser.add_argument("--epochs", default="30", help="of the training")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as text:
        work = Path(text)
        build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
        seconds = run(sys.executable, *build, "--wheel-dir", work, ROOT, folder=work)
        (wheel,) = work.glob("*.whl")
        note("wheel", seconds, megabytes(wheel.parent), wheel.name)

        venv.create(work / "env", with_pip=True)
        python, pip = work / "env" / "bin" / "python", ("-m", "pip", "install", "--quiet")
        locked = (0.0, 0.0)
        if not given.plain:
            lock = ("--no-compile", "--require-hashes", "-r", ROOT / "requirements-base.lock")
            locked = run(python, *pip, *lock, folder=work)
        without = () if given.plain else ("--no-deps",)
        seconds = run(python, *pip, *without, wheel, folder=work)
        seconds = (locked[0] + seconds[0], locked[1] + seconds[1])
        size = megabytes(work / "env")
        note("pip install", seconds, size, f"(at most {MOST_MB})")

        command = ("train", "cnn", "digits", "--epochs", given.epochs)
        seconds = run(work / "env" / "bin" / "mlzoo", *command, folder=work)
        report = work / "saved_models" / "cnn-digits" / "report.html"
        page = report.read_text(encoding="utf-8")
        whole = page.rstrip().endswith("</html>") and "http-equiv" in page
        note("first training", seconds, megabytes(report.parent), report.name)
        raise SystemExit(0 if whole and size <= MOST_MB else 1)


if __name__ == "__main__":
    main()
