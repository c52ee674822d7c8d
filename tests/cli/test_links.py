"""Nothing is written through links of a run folder that lead out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlzoo.core.errors import UsageError
from mlzoo.runs import run_folder
from mlzoo.runs.contents.folders import refuse_links
from tests.cli.shell import Mlzoo

WRITERS = {
    "export": ("exports", "export", "run", "--format", "saved_model"),
    "pack": ("exports", "pack", "run"),
    "explain": ("explanations", "explain", "run", "--method", "permutation"),
    "audit": ("audit", "data", "audit", "run"),
    "landscape": ("landscapes", "landscape", "run"),
}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("command", WRITERS)
def test_a_linked_folder_of_a_run_is_refused(
    mlzoo: Mlzoo, run: Path, elsewhere: Path, command: str
) -> None:
    folder, *arguments = WRITERS[command]
    (run / folder).symlink_to(elsewhere)
    done = mlzoo(*arguments)
    assert done.code == 2
    assert f"{run}/{folder} is a link to {elsewhere}, outside of" in done.err
    assert not list(elsewhere.iterdir())


def test_a_linked_lock_is_left_alone(mlzoo: Mlzoo, run: Path, elsewhere: Path) -> None:
    (elsewhere / "keys").write_text("secret")
    (run / "lock").symlink_to(elsewhere / "keys")
    assert mlzoo("predict", run, "d/ok.csv").code == 0
    assert (elsewhere / "keys").read_text() == "secret"


def test_nothing_is_resumed_through_links(tmp_path: Path, elsewhere: Path) -> None:
    run, partial = tmp_path / "run", tmp_path / "run.partial"
    partial.mkdir()
    (partial / "config.yaml").touch()
    for name in ("checkpoints", "epochs.csv"):
        (partial / name).symlink_to(elsewhere / name)
        with pytest.raises(UsageError, match=f"{name} is a link to .*outside of"):
            run_folder.reopen(run)
        (partial / name).unlink()
    run_folder.reopen(run).release()


def test_links_within_a_folder_and_to_it_do_no_harm(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "run" / "exports" / "a").mkdir(parents=True)
    (tmp_path / "run" / "latest").symlink_to("exports/a")
    (tmp_path / "named").symlink_to("run")
    refuse_links(tmp_path / "run")
    refuse_links(tmp_path / "named", tmp_path / "named" / "exports" / "new")
    (tmp_path / "run" / "exports" / "a" / "file.csv").symlink_to(elsewhere / "file.csv")
    refuse_links(tmp_path / "run", elsewhere / "asked for")
    with pytest.raises(UsageError, match=r"file\.csv is a link"):
        refuse_links(tmp_path / "named", tmp_path / "named" / "exports")
