from __future__ import annotations

from pathlib import Path

import pytest

from mlzoo.core.errors import DataError
from mlzoo.tuning.trials.journal import Journal, read

RECORDS = [{"kind": "fit", "score": 0.1 + 0.2, "error": None}, {"text": "é\n"}, {"n": 3}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Journal(tmp_path / "journal.jsonl") as journal:
        for record in RECORDS:
            journal.append(record)
    return tmp_path / "journal.jsonl"


def test_what_was_appended_is_read_back_to_the_last_bit(path: Path) -> None:
    assert read(path) == RECORDS
    with Journal(path) as journal:
        assert journal.records == RECORDS


def test_cut_off_anywhere_the_whole_lines_before_are_left_and_appending_goes_on(
    path: Path,
) -> None:
    content = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        whole = sum(end <= length for end in ends)
        assert read(path) == RECORDS[:whole]
        with Journal(path) as journal:
            for record in RECORDS[whole:]:
                journal.append(record)
        assert path.read_bytes() == content


def test_a_last_line_of_garbage_is_cut_away(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content + b"\0\0\0\0\n")
    with Journal(path) as journal:
        assert journal.records == RECORDS
    assert path.read_bytes() == content


def test_damage_within_is_refused_and_named(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0.30000000000000004", b"0.40000000000000004"))
    with pytest.raises(DataError, match=r"journal.jsonl:1: this line of the journal is damaged"):
        Journal(path)
    lines = content.splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with Journal(path) as journal:
        assert journal.records == RECORDS[:1], "a line that does not follow the one before"
