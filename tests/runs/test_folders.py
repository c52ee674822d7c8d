"""Folders are written whole, or what was there stays."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mlzoo.core.errors import ResourceError
from mlzoo.core.files import disk_errors
from mlzoo.runs.contents.folders import write_files, write_folder
from tests.kills import life


def fill(folder: Path) -> None:
    (folder / "new").write_text("new")


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    for _ in range(2):
        write_folder(tmp_path / "a", fill)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["new"]


@pytest.mark.parametrize("last", [False, True], ids=["filling", "naming"])
def test_what_was_there_stays_where_anything_fails(
    last: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "old").write_text("old")
    rename = Path.rename

    def stopped(path: Path, target: Path) -> Path:
        if ".writing-" in path.name:
            raise KeyboardInterrupt
        return rename(path, target)

    def broken(partial: Path) -> None:
        fill(partial)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_folder(folder, fill if last else broken)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (folder / "old").read_text() == "old"


def test_a_full_disk_is_told_of_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    def full(partial: Path) -> None:
        with disk_errors(partial / "maps.npz"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ResourceError, match="the disk is full: ") as told:
        write_folder(tmp_path / "a", full)
    assert f"{tmp_path / 'a' / 'maps.npz'} could not be written" in str(told.value)
    assert ".writing" not in str(told.value) and not list(tmp_path.iterdir())


def test_a_kill_loses_neither_and_the_next_call_tidies(tmp_path: Path) -> None:
    def old(root: Path) -> Path:
        (root / "a").mkdir(parents=True)
        (root / "a" / "old").write_text("old")
        return root / "a"

    folder = old(tmp_path / "whole")
    with life(folder.parent) as lived:
        write_folder(folder, fill)
    for changes in range(len(lived.done)):
        folder = old(tmp_path / str(changes))
        root = folder.parent
        with life(root, changes) as killed:
            write_folder(folder, fill)
        assert killed.dead
        assert any(root.rglob("old")) or (root / "a" / "new").exists()
        write_folder(root / "a", fill)
        assert sorted(str(p.relative_to(root)) for p in root.rglob("*")) == ["a", "a/new"]


def test_files_are_put_beside_others_and_replace_those_of_the_call_before(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    write_files(folder, fill)
    assert [path.name for path in folder.iterdir()] == ["new"]
    for name in ("mine", "new", "gone"):
        (folder / name).write_text("old")
    write_files(folder, fill, ("new", "gone", "never"))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "mine": "old",
        "new": "new",
    }


def test_a_kill_leaves_no_half_of_the_files_and_the_next_call_tidies(tmp_path: Path) -> None:
    def two(folder: Path) -> None:
        (folder / "one").write_text("new")
        fill(folder)

    def nothing(folder: Path) -> None:
        raise ResourceError("the disk is full")

    def before(folder: Path) -> Path:
        folder.mkdir(parents=True)
        for name in ("new", "one", "gone", "mine"):
            (folder / name).write_text("old")
        return folder

    old = dict.fromkeys(("new", "one", "gone", "mine"), "old")
    new = {"new": "new", "one": "new", "mine": "old"}
    whole = before(tmp_path / "whole" / "a")
    with life(tmp_path / "whole") as lived:
        write_files(whole, two, ["gone"])
    for changes in range(len(lived.done)):
        folder = before(tmp_path / str(changes) / "a")
        with life(folder.parent, changes) as killed:
            write_files(folder, two, ["gone"])
        assert killed.dead
        for path in folder.glob(".writ*-*"):  # beyond the largest process number
            path.rename(folder / f"{path.name.partition('-')[0]}-4194304")
        with pytest.raises(ResourceError, match="disk is full"):
            write_files(folder, nothing)
        assert {path.name: path.read_text() for path in folder.iterdir()} in (old, new)
        write_files(folder, two, ["gone"])
        assert {path.name: path.read_text() for path in folder.iterdir()} == new


def test_a_folder_in_the_place_of_a_file_stays_and_so_do_the_files(tmp_path: Path) -> None:
    def two(folder: Path) -> None:
        (folder / "a").write_text("new")
        (folder / "b").write_text("new")

    (tmp_path / "b").mkdir()
    (tmp_path / "a").write_text("old")
    with pytest.raises(ResourceError, match="b is a folder; move it elsewhere"):
        write_files(tmp_path, two)
    assert (tmp_path / "a").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
