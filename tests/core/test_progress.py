"""The table of epochs goes on where a resumed training does, and is read while it is written."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core.progress import EpochTable, read_epochs


def test_a_resumed_training_replaces_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "below" / "epochs.csv"
    first = EpochTable(path)
    for epoch in (1, 2):
        first.epoch("seed-0", epoch, {"loss": 1 / epoch, "val, loss": 2.0})
    first.epoch("seed-1", 1, {"loss": float("nan")})
    EpochTable(path).epoch("seed-0", 2, {"loss": 0.25})
    values = read_epochs(path)
    assert [(v.training, v.epoch, v.name, v.value) for v in values if v.training == "seed-0"] == [
        ("seed-0", 1, "loss", 1.0),
        ("seed-0", 1, "val, loss", 2.0),
        ("seed-0", 2, "loss", 0.25),
    ]
    assert [v.epoch for v in values if v.training == "seed-1"] == [1]
    assert values[0].time > 1.7e9


def test_lines_that_a_kill_cut_off_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "epochs.csv"
    EpochTable(path).epoch("seed-0", 1, {"loss": 0.5})
    with path.open("ab") as file:
        file.write(b"seed-0,one,loss,0.5,1\n\0\xff,,\nseed-0,2,loss,0.125,17000")
    assert [(v.epoch, v.value) for v in read_epochs(path)] == [(1, 0.5)]
    EpochTable(path).epoch("seed-0", 2, {"loss": 0.25})
    assert [(v.epoch, v.value) for v in read_epochs(path)] == [(1, 0.5), (2, 0.25)]
