"""The run folder: one owner, nothing overwritten, old runs kept until new ones are complete."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlzoo.core.errors import DataError, ResourceError, UsageError
from mlzoo.runs import run_folder

HOLD = """
import sys, time
from pathlib import Path
from mlzoo.runs import run_folder
from mlzoo.core.errors import UsageError
try:
    folder = run_folder.create(Path(sys.argv[1]), sys.argv[2] or None, "x")
    folder.write_text("config.yaml", "model: mlp\\n")
except UsageError as error:
    print("refused:", error, flush=True)
else:
    print("got:", folder.final.name, flush=True)
    time.sleep(60)
"""


def hold(root: Path, name: str = "") -> tuple[subprocess.Popen[str], str]:
    """A process that creates a run and holds it, and the line that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), name], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def finished(root: Path, name: str, content: str = "old") -> Path:
    folder = run_folder.create(root, name, "x", overwrite=True)
    folder.write_text("config.yaml", content)
    folder.write_text("model.keras", content)
    folder.write_json("data.json", {})
    folder.write_json("metrics.json", {})
    return folder.finish()


def test_a_run_gets_its_name_at_the_end(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, "a", "x")
    assert (folder.path, folder.final) == (tmp_path / "a.partial", tmp_path / "a")
    folder.write_text("config.yaml", "x")
    (folder.path / "checkpoints").mkdir()
    assert folder.finish() == tmp_path / "a"
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["config.yaml"]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_two_processes_never_share_a_name(tmp_path: Path) -> None:
    first, said = hold(tmp_path, "a")
    try:
        assert said == "got: a"
        second, said = hold(tmp_path, "a")
        assert second.wait() == 0
        assert said.startswith(f"refused: {tmp_path}/a.partial holds an unfinished run")
        third, said = hold(tmp_path)
        fourth, said_next = hold(tmp_path)
        assert {said, said_next} == {"got: x", "got: x-2"}
        third.kill()
        fourth.kill()
        with pytest.raises(UsageError, match=f"in use by process {first.pid}"):
            run_folder.reopen(tmp_path / "a")
        with pytest.raises(UsageError, match=f"in use by process {first.pid}"):
            run_folder.create(tmp_path, "a", "x", overwrite=True)
        assert (tmp_path / "a.partial" / "config.yaml").exists()
    finally:
        first.kill()
        first.wait()


def test_many_at_once_each_get_a_name_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        folders = list(pool.map(lambda _: run_folder.create(tmp_path, None, "a b/c"), range(40)))
    names = [folder.final.name for folder in folders]
    assert sorted(names) == sorted(["a-b-c", *(f"a-b-c-{n}" for n in range(2, 41))])


def test_a_name_taken_between_the_look_and_the_leap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_folder.create(tmp_path, None, "x")
    first.write_text("config.yaml", "x")
    first.release()
    look = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p: p.name not in ("x", "x.partial") and look(p))
    second = run_folder.create(tmp_path, None, "x")
    assert second.final.name == "x-2"
    second.release()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_ends_with_its_process(tmp_path: Path, number: int) -> None:
    owner, said = hold(tmp_path, "a")
    assert said == "got: a"
    os.kill(owner.pid, number)
    owner.wait()
    folder = run_folder.reopen(tmp_path / "a")
    assert folder.path == tmp_path / "a.partial"
    folder.release()
    again = run_folder.reopen(tmp_path / "a.partial")
    assert again.final == tmp_path / "a"
    again.release()


def test_overwrite_keeps_the_old_run_until_the_new_one_is_complete(tmp_path: Path) -> None:
    old = finished(tmp_path, "a", "old")
    new = run_folder.create(tmp_path, "a", "x", overwrite=True)
    new.write_text("model.keras", "new")
    assert (old / "model.keras").read_text() == "old"
    new.release()
    assert (old / "model.keras").read_text() == "old", "the new one was not finished"
    newer = run_folder.create(tmp_path, "a", "x", overwrite=True)
    newer.write_text("model.keras", "newer")
    newer.finish()
    assert (old / "model.keras").read_text() == "newer"
    assert not (old / "data.json").exists(), "nothing of the old run is mixed in"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_overwrite_leaves_alone_what_is_no_run(tmp_path: Path) -> None:
    for name in ("mine", "b.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.txt").write_text("precious")
    for name in ("mine", "b"):
        with pytest.raises(UsageError, match="is no run folder, so --overwrite leaves it alone"):
            run_folder.create(tmp_path, name, "x", overwrite=True)
    assert (tmp_path / "mine" / "data.txt").read_text() == "precious"
    assert (tmp_path / "b.partial" / "data.txt").read_text() == "precious"


def test_a_resumed_run_replaces_another_only_if_it_was_started_to(tmp_path: Path) -> None:
    for overwrite in (False, True):
        new = run_folder.create(tmp_path, "a", "x", overwrite=overwrite)
        new.write_text("config.yaml", "new")
        new.release()
        if not overwrite:
            new.path.rename(tmp_path / "aside")
            finished(tmp_path, "a", "old")
            (tmp_path / "aside").rename(new.path)
            with pytest.raises(UsageError, match="a exists beside .*a.partial, which would repla"):
                run_folder.reopen(tmp_path / "a")
            assert (tmp_path / "a" / "model.keras").read_text() == "old"
    run_folder.reopen(tmp_path / "a").finish()
    assert (tmp_path / "a" / "config.yaml").read_text() == "new"
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["config.yaml"]


def test_a_discarded_run_leaves_the_old_one(tmp_path: Path) -> None:
    old = finished(tmp_path, "a")
    run_folder.create(tmp_path, "a", "x", overwrite=True).discard()
    assert (old / "model.keras").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_taken_name_is_refused_and_a_default_one_counts_on(tmp_path: Path) -> None:
    finished(tmp_path, "cnn-digits")
    with pytest.raises(UsageError, match="exists already; choose another --name, or replace it"):
        run_folder.create(tmp_path, "cnn-digits", "x")
    second = run_folder.create(tmp_path, None, "cnn-digits")
    assert second.final.name == "cnn-digits-2"
    third = run_folder.create(tmp_path, None, "cnn-digits")
    assert third.final.name == "cnn-digits-3", "an unfinished one counts too"
    second.release()
    third.release()


def test_a_folder_that_appeared_meanwhile_is_not_touched(tmp_path: Path) -> None:
    folder = run_folder.create(tmp_path, "a", "x")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine").touch()
    with pytest.raises(UsageError, match="appeared while this run was training; the finished run"):
        folder.finish()
    assert (tmp_path / "a" / "mine").exists()
    assert folder.path.is_dir()


def test_places_that_cannot_hold_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="is a file, not a folder"):
            run_folder.create(root, "a", "x")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("missing")
    for name, kind in (("loop", "a link that leads to itself"), ("broken", "a link to nothing")):
        for root in (tmp_path / name, tmp_path / name / "below"):
            with pytest.raises(UsageError, match=f"--out {root}: {tmp_path / name} is {kind}"):
                run_folder.create(root, "a", "x")
    with pytest.raises(ResourceError, match="/sys/kernel.* can't be written to"):
        run_folder.create(Path("/sys/kernel"), "a", "x")


def test_find_says_what_stands_there_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = finished(tmp_path, "done")
    assert run_folder.find(done) == done
    for root in (tmp_path, tmp_path / "my runs"):
        folder = run_folder.create(root, "half", "x")
        folder.write_text("config.yaml", "x")
        folder.release()
    with pytest.raises(UsageError, match="train --resume '/.*/my runs/half'`"):
        run_folder.find(tmp_path / "my runs" / "half")
    (tmp_path / "empty").mkdir()
    for name, sentence in {
        "half": "is not finished yet; resume it with `mlzoo train --resume",
        "nowhere": "there is no run folder .*; runs there: done",
        "empty": "is no run folder: it lacks model.keras or data.json",
    }.items():
        with pytest.raises(UsageError, match=sentence):
            run_folder.find(tmp_path / name)
    monkeypatch.chdir(done)
    assert run_folder.find(".") == Path(".")
    monkeypatch.chdir(tmp_path / "half.partial")
    (tmp_path / "half.partial" / "config.yaml").touch()
    folder = run_folder.reopen(Path("."))
    assert folder.final == tmp_path / "half"
    folder.release()


def test_reopen_says_why_not(tmp_path: Path) -> None:
    finished(tmp_path, "done")
    with pytest.raises(UsageError, match="done is finished: there is nothing to resume"):
        run_folder.reopen(tmp_path / "done")
    # A kill before a run with --overwrite had its configuration leaves nothing beside the old one.
    begun = run_folder.create(tmp_path, "done", "x", overwrite=True)
    with pytest.raises(UsageError, match="done is finished: there is nothing to resume"):
        run_folder.reopen(tmp_path / "done")
    assert begun.path.is_dir(), "another process has it"
    begun.release()
    with pytest.raises(UsageError, match="done is finished: there is nothing to resume"):
        run_folder.reopen(tmp_path / "done")
    assert not begun.path.exists() and (tmp_path / "done" / "metrics.json").is_file()
    folder = run_folder.create(tmp_path, "half", "x")
    folder.write_text("config.yaml", "x")
    folder.release()
    with pytest.raises(UsageError, match=r"other.partial is no unfinished run; .*half"):
        run_folder.reopen(tmp_path / "other")
    with pytest.raises(UsageError, match="there is no folder"):
        run_folder.reopen(tmp_path / "no" / "where")


@pytest.mark.parametrize(
    ("text", "name"),
    [("my data ü", "my-data-ü"), ("../../etc", "etc"), ("a/b\\c", "a-b-c"), ("...", "run")],
)
def test_slug(text: str, name: str) -> None:
    assert run_folder.slug(text) == name


def test_a_record_that_was_changed_is_named(tmp_path: Path) -> None:
    path = finished(tmp_path, "a")
    assert run_folder.find(path) == path
    for content, match in (
        ('{"test": []}', "metrics.json is damaged: its content does not match its checksum"),
        ("[]", "metrics.json is damaged"),
    ):
        (path / "metrics.json").write_text(content)
        with pytest.raises(DataError, match=match):
            run_folder.find(path)
    (path / "metrics.json").write_text('{"test": ')
    assert run_folder.find(path) == path, "those who read it say that it is no JSON"
    (path / "metrics.json").write_text('{"test": 1}')
    (path / "checksums.json").unlink()
    assert run_folder.find(path) == path, "earlier versions wrote no checksums"
