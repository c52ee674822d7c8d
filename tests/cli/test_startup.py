"""What answers at once: help, lists and every mistake in a configuration load no library."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.shell import python
from tests.cli.test_bad_input import CHECKS_ONLY

HEAVY = "keras tensorflow jax torch numpy pandas scipy sklearn cv2 PIL matplotlib".split()
# Loads nothing, prints which heavy modules the commands loaded, one list a command.
SCRIPT = """
import contextlib, io, json, sys
sys.path.insert(0, {root!r})
from tests.cli.shell import run_mlzoo
for words in json.loads(sys.argv[1]):
    done = run_mlzoo(*words)
    loaded = sorted(set(sys.modules) & set({heavy!r}))
    print(json.dumps([words, done.code, loaded]))
"""


def loaded(commands: list[list[str]], cwd: Path) -> list[tuple[list[str], int, list[str]]]:
    """For each command, in one process after another: its code, and what is loaded by then."""
    script = SCRIPT.format(root=str(Path(__file__).parents[2]), heavy=HEAVY)
    done = python("-c", script, json.dumps(commands), cwd=cwd)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.mark.slow
def test_importing_the_command_line_loads_no_library(tmp_path: Path) -> None:
    script = "import sys, mlzoo, mlzoo_cli.main; print(*sys.modules, sep='\\n')"
    done = python("-c", script, cwd=tmp_path)
    assert set(done.out.split()) & set(HEAVY) == set()
    assert "mlzoo_cli.train" in done.out.split()
    assert "pydantic" not in done.out.split(), "help need not wait for it"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("", 0),
        ("train --demo cnn --print-config", 0),
        ("train --demo cmm", 2),
        ("report --help", 0),
        ("reproduce --help", 0),
        ("train --help", 0),
        ("tune --help", 0),
        ("tune mlp digits --vary learning_rat=1..2 --strategy gird", 2),
        ("strategies", 0),
        ("strategies show grid", 0),
        ("evaluate --help", 0),
        ("predict --help", 0),
        ("compare --help", 0),
        ("explain --help", 0),
        ("explain nowhere --method gradcam", 2),
        ("export --help", 0),
        ("export nowhere --format onxx", 2),
        ("export nowhere --format keras --int8", 2),
        ("serve --help", 0),
        ("serve nowhere --port 0", 2),
        ("weights", 0),
        ("weights pull mobilnet", 2),
        ("weights --hub pull mobilenet", 2),
        ("zoo --help", 0),
        ("explainers", 0),
        ("landscape --help", 0),
        ("landscape rosenbrok", 2),
        ("landscape '(1-x' --optimizer adm", 2),
        ("check --help", 0),
        ("check mpl", 2),
        ("explainers show scorecam", 0),
        ("data inspect --help", 0),
        ("doctor --help", 0),
        ("models", 0),
        ("models --json", 0),
        ("models show cnn", 0),
        ("sources", 0),
        ("sources show table", 0),
    ],
)
def test_help_and_lists_load_no_library(line: str, code: int, tmp_path: Path) -> None:
    [(_, found, modules)] = loaded([shlex.split(line)], tmp_path)
    assert (found, modules) == (code, [])


def test_no_mistake_in_a_configuration_loads_a_library(world: Path, tmp_path: Path) -> None:
    (tmp_path / "d").symlink_to(world)
    lines = [(shlex.split(line), code) for line, code, _ in CHECKS_ONLY if "d/my" not in line]
    # What a user's own plug-in imports is theirs.
    lines = [(words, code) for words, code in lines if not any(w.endswith(".py") for w in words)]
    found = loaded([words for words, _ in lines], tmp_path)
    assert len(found) > 40
    for (words, code), (_, found_code, modules) in zip(lines, found, strict=True):
        assert (found_code, modules) == (code, []), words
