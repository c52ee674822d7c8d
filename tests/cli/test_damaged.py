"""Damaged files of a run folder are named; that is never a bug in mlzoo."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.shell import Done, Mlzoo

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\x00\xff\xfe garbage \x80",
    "text": lambda content: b"garbage",
}
CHEAP = {
    "report": ("report", "run"),
    "compare": ("compare", "run", "other"),
    "page": ("compare", "run", "other", "--out", "page.html"),
    "predict": ("predict", "run", "d/ok.csv"),
}
READ = {
    "report": {"config.yaml", "data.json", "environment.json", "history.csv", "layers.json",
               "metrics.json", "split.json"},
    "compare": {"config.yaml", "environment.json", "metrics.json", "predictions.csv"},
    "page": {"config.yaml", "environment.json", "history.csv", "metrics.json", "predictions.csv"},
    "predict": {"data.json", "model.keras"},
}  # fmt: skip
"""Files that a command can't do its work without."""


@pytest.fixture
def folder(runs: Path, run: Path, mlzoo: Mlzoo) -> Path:
    Path("other").symlink_to(runs / "table")
    return run


def walk(
    mlzoo: Mlzoo, run: Path, command: tuple[str, ...], names: list[str], damages: list[str]
) -> dict[tuple[str, str], Done]:
    """What a command makes of each file, damaged in each way; the files are whole again after."""
    found = {}
    for name in names:
        content = (run / name).read_bytes()
        for damage in damages:
            (run / name).write_bytes(DAMAGES[damage](content))
            found[name, damage] = mlzoo(*command)
        (run / name).write_bytes(content)
    return found


def everything(run: Path) -> list[str]:
    return sorted(str(p.relative_to(run)) for p in run.rglob("*") if p.is_file())


@pytest.mark.parametrize("command", CHEAP)
def test_a_damaged_file_is_named(mlzoo: Mlzoo, folder: Path, command: str) -> None:
    damages = ["empty"] if command == "predict" else list(DAMAGES)
    names = everything(folder) if command == "report" else sorted(READ[command])
    for (name, damage), done in walk(mlzoo, folder, CHEAP[command], names, damages).items():
        said = f"{name}, {damage}: exit {done.code}: {done.err}"
        assert "MLZOO_DEBUG" not in done.err, said
        if name in READ[command]:
            assert done.code in (2, 3) and f"run/{name}" in done.cause, said
        elif name.endswith(".png") and "learning_curves" not in name:  # drawn from the history
            assert done.code == 0 and f"run/{name} is damaged: the report leaves" in done.err, said
        if damage == "empty" and name.endswith((".json", ".csv", ".yaml")) and done.code:
            assert done.code == 3 and f"run/{name} is empty; restore it" in done.cause, said


@pytest.mark.parametrize(
    ("command", "name"), [("report", "history.csv"), ("compare", "predictions.csv")]
)
def test_a_table_that_was_cut_within_a_number_is_named(
    mlzoo: Mlzoo, folder: Path, command: str, name: str
) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-3])
    done = mlzoo(*CHEAP[command])
    cause = f"run/{name} is damaged: its last line has no end, so it was cut short; restore it"
    assert done.code == 3 and cause in done.cause


def test_a_damaged_record_of_explanations_is_named(mlzoo: Mlzoo, folder: Path) -> None:
    record = folder / "explanations" / "saliency" / "explain.json"
    record.parent.mkdir(parents=True)
    for damage in DAMAGES.values():
        record.write_bytes(damage(b'{"config": {"run": "run"}}'))
        for command in (("report", "run"), ("explain", "--repeat", record, "--out", "new")):
            done = mlzoo(*command)
            assert done.code == 3 and str(record) in done.cause, done.err


def test_what_a_kill_left_in_a_finished_run_goes(mlzoo: Mlzoo, folder: Path) -> None:
    whole = everything(folder)
    (folder / "lock").touch()
    shutil.copy(folder / "metrics.json", folder / "repeats.json")
    (folder / "checkpoints" / "seed-0").mkdir(parents=True)
    (folder / "plots" / ".loss.png.writing").touch()
    (folder / "replaced").mkdir()
    done = mlzoo("train", "--resume", "run")
    assert done.code == 0 and "the run was complete" in done.err
    assert everything(folder) == whole
