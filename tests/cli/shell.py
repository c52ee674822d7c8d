"""`mlzoo` run within this process, as a user would run it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import typer.main
from mlzoo_cli.main import app
from mlzoo_cli.output import run_command

SHARED = Path(__file__).parents[2] / "../shared/data"
_COMMAND = typer.main.get_command(app)
"""Made once: a process of a user's runs one command, those of the tests hundreds."""


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def cause(self) -> str:
        """The last line on stderr."""
        return self.err.splitlines()[-1] if self.err else ""

    @property
    def errors(self) -> list[str]:
        """The lines on stderr that are errors."""
        return [
            line.partition(": ")[2]
            for line in self.err.splitlines()
            if line.startswith(("error: ", "Error: "))
        ]


Mlzoo = Callable[..., Done]


def run_mlzoo(*arguments: object) -> Done:
    """`mlzoo ARGUMENTS...` in the working directory."""
    words = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["mlzoo", *words]),
    ):
        code = run_command(lambda: _COMMAND(words, prog_name="mlzoo"))
    return Done(code, out.getvalue(), err.getvalue())


def python(*arguments: object, cwd: Path | None = None, **environment: str) -> Done:
    """Python in a process of its own."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def process(*arguments: object, cwd: Path | None = None, **environment: str) -> Done:
    """`mlzoo ARGUMENTS...` in a process of its own."""
    return python("-m", "mlzoo_cli.main", *arguments, cwd=cwd, **environment)


def tree(root: Path) -> str:
    """A digest of all names, contents and modification times below a folder."""
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        total.update(f"{path.relative_to(root)} {path.lstat().st_mtime_ns}".encode())
        if path.is_file():
            total.update(path.read_bytes())
    return total.hexdigest()
