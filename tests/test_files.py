"""Folders are written whole, or what was there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlzoo import files


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
