"""`mlzoo predict --features`: what the output layer sees, as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.cli.shell import Mlzoo


def test_features_are_a_row_a_sample(mlzoo: Mlzoo, runs: Path) -> None:
    done = mlzoo("predict", runs / "images", "d/images", "--features")
    assert done.code == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert len(rows) == 24 and list(rows[0]) == ["name", "f1", "f2", "f3", "f4"]
    assert len({tuple(list(row.values())[1:]) for row in rows}) > 1
    assert mlzoo("predict", runs / "images", "d/images", "--features", "-o", "f.csv").code == 0
    assert Path("f.csv").read_text() == done.out


@pytest.mark.parametrize(
    ("run", "more", "reason"),
    [
        ("masks", (), "--features: this run is of segmentation"),
        ("images", ("--tta", "flips"), "--tta: has no effect on --features"),
    ],
)
def test_features_where_there_are_none(
    mlzoo: Mlzoo, runs: Path, run: str, more: tuple[str, ...], reason: str
) -> None:
    done = mlzoo("predict", runs / run, "d/images", "--features", *more)
    assert done.code == 2 and reason in done.cause
