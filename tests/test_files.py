"""Folders are written whole, or what was there stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlzoo import files
from mlzoo.errors import DataError
from tests.kills import life


def fill(folder: Path) -> None:
    (folder / "new").write_text("new")


def test_a_folder_replaces_the_one_before(tmp_path: Path) -> None:
    for _ in range(2):
        files.write_folder(tmp_path / "a", fill)
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
        files.write_folder(folder, fill if last else broken)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (folder / "old").read_text() == "old"


def test_a_kill_loses_neither_and_the_next_call_tidies(tmp_path: Path) -> None:
    def old(root: Path) -> Path:
        (root / "a").mkdir(parents=True)
        (root / "a" / "old").write_text("old")
        return root / "a"

    folder = old(tmp_path / "whole")
    with life(folder.parent) as lived:
        files.write_folder(folder, fill)
    for changes in range(len(lived.done)):
        folder = old(tmp_path / str(changes))
        root = folder.parent
        with life(root, changes) as killed:
            files.write_folder(folder, fill)
        assert killed.dead
        assert any(root.rglob("old")) or (root / "a" / "new").exists()
        files.write_folder(root / "a", fill)
        assert sorted(str(p.relative_to(root)) for p in root.rglob("*")) == ["a", "a/new"]


def test_sealed_content_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    for content in ({10: "a", 2: (1.0, 0.1 + 0.2)}, [], {"é": None, "big": 10**20}):
        files.write_sealed(path, content)
        assert files.read_sealed(path) == json.loads(json.dumps(content))
    text = path.read_text()
    for damage in ("", "{}", "[]", text[:-5], text.replace("10000", "20000"), "\0"):
        path.write_text(damage)
        with pytest.raises(DataError, match=r"state.json is (empty|damaged: .*); restore it from"):
            files.read_sealed(path)
