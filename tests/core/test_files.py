"""Sealed and odd files; full disks are told."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from mlzoo.core import files
from mlzoo.core.errors import DataError, ResourceError, UsageError, disk_full, find_disk_full


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


# -- Paths that are no files, and names that are no text


def test_an_unknown_user_has_no_home() -> None:
    assert files.expand("~") == Path.home()
    with pytest.raises(UsageError, match="no home folder of a user 'nobody-there'"):
        files.expand("~nobody-there/x")


def test_pipes_devices_and_links_to_themselves_are_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("x")
    kinds = {"pipe": "a pipe (FIFO)", "loop": "a link that leads to itself", "file": None}
    assert {name: files.special_kind(tmp_path / name) for name in kinds} == kinds
    assert files.special_kind("/dev/zero") == "a device"
    assert files.special_kind(tmp_path) is None and files.special_kind(tmp_path / "no") is None
    with pytest.raises(DataError, match=r"pipe is a pipe \(FIFO\), not a file; give a file or"):
        files.refuse_special(tmp_path / "pipe")
    assert not any(map(files.is_folder, os.scandir(tmp_path)))


def test_names_that_are_no_utf8_are_written_and_read_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    files.write_json(tmp_path / "a.json", {"name": name})
    assert files.read_json(tmp_path / "a.json") == {"name": name}
    files.write_text(tmp_path / "a.csv", files.csv_text([{"name": name}]))
    assert (tmp_path / "a.csv").read_text("utf-8") == "name\ncaf\\udce9.png\n"
    assert files.as_text(name) == "caf\\udce9.png" and files.as_text("é") == "é"


# -- Full disks


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "x"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        OSError("Can't write data (file write failed: errno = 28, error message = '...')"),
        RuntimeError("x.index; No space left on device"),
        OSError("1000 requested and 24 written"),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
    ],
    ids=repr,
)
def test_a_full_disk_is_known_however_it_is_told(error: Exception, tmp_path: Path) -> None:
    assert find_disk_full(error) is error
    with pytest.raises(ValueError) as caught:
        raise ValueError("it did not work") from error
    assert find_disk_full(caught.value) is error


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "Permission denied"), ValueError("28"), UsageError("No space")]
)
def test_other_errors_are_no_full_disk(error: Exception) -> None:
    assert find_disk_full(error) is None


def test_a_full_disk_and_a_limit_of_size_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    for number, words in (
        (errno.ENOSPC, "the disk is full: .*a.txt could not be written; free some space$"),
        (errno.EFBIG, r"the limit of a file's size is reached \(ulimit -f\): .*a.txt could not be"),
    ):
        error = OSError(number, os.strerror(number))
        monkeypatch.setattr(os, "fsync", mock.Mock(side_effect=error))
        with pytest.raises(ResourceError, match=words):
            files.write_text(path, "x")
    assert list(tmp_path.iterdir()) == []


def test_where_sizes_are_limited_a_library_that_names_no_reason_may_mean_either() -> None:
    error, full = OSError("1000 requested and 24 written"), OSError(errno.ENOSPC, "full")
    assert disk_full(error) == "the disk is full; free some space"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, before[1]))
    try:
        assert "full, or the limit of a file's size is reached" in disk_full(error, "a")
        assert disk_full(full) == "the disk is full; free some space"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_columns_are_written_a_few_rows_at_a_time_and_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_ROWS", 2)
    columns = [("n", np.arange(5)), ("x", np.linspace(0, 1, 5)), ("t", ["a", "b,c", "d", "e", "f"])]
    files.write_columns(tmp_path / "t.csv", columns)
    header, *rows = files.each_row(tmp_path / "t.csv")
    assert header == ["n", "x", "t"] and rows[1] == ["1", "0.25", "b,c"] and len(rows) == 5
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(DataError, match="row 2 has 1 of 2 values"):
        files.read_rows(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("a,b\n1,2.75\n3,4.5")  # of 4.5625
    with pytest.raises(DataError, match=r"t\.csv is damaged: its last line has no end"):
        files.read_rows(tmp_path / "t.csv")
    assert files.read_rows(tmp_path / "t.csv", by_hand=True)[1][-1] == ["3", "4.5"]
    for content, problem in ((b"", "is empty"), (b"\n\n", "is damaged"), (b"\xff", "not UTF-8")):
        (tmp_path / "t.csv").write_bytes(content)
        with pytest.raises(DataError, match=problem):
            files.read_rows(tmp_path / "t.csv")
    with pytest.raises(DataError, match="can't be read"):
        files.read_rows(tmp_path / "none.csv")
