"""What the processes beside rank 0 read and do, without a training."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.training import repeats
from mlzoo.training.calibration import conformal
from mlzoo.training.distributed import agreeing, running
from mlzoo.training.distributed.group import Group
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.loop import training
from mlzoo.training.scoring.scored import Repeat
from mlzoo.training.signals import Stage

CONFIG = RunConfig(model="mlp", data="iris")


def written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_what_files_hold_is_compared_by_their_names(tmp_path: Path) -> None:
    def contents(place: str, equation: str, network: str, steps: Any = ()) -> dict[str, str]:
        folder = tmp_path / place
        written(folder / "gan" / "config.yaml", "model: dcgan")
        written(folder / "gan" / "model.keras", network)
        given = {
            "class_weights": written(folder / "same.csv", "a,1"),
            "cost": written(folder / "other" / "same.csv", "a,2"),
            "equation": written(folder / "wave.yaml", equation),
            "augment": f"generated:{folder / 'gan'}",
        }
        data: Any = SimpleNamespace(policy=SimpleNamespace(steps=steps))
        return agreeing.contents_of(CONFIG.model_copy(update=given), data)

    first = contents("a", "u_t", "x")
    assert list(first) == [f"contents of {name}" for name in ("same.csv", "wave.yaml", "gan")]
    assert contents("b", "u_t", "x") == first
    others = contents("c", "u_tt", "y", ({"Rotate": {"limit": 20}},))
    differing = {name for name in others if others[name] != first.get(name)}
    assert differing == {f"contents of {name}" for name in ("wave.yaml", "gan", "--augment")}


@pytest.mark.parametrize("unscored", [False, True])
def test_a_model_beside_is_followed_where_rank_0_trains_one(
    unscored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, bool]] = []
    monkeypatch.setattr(repeats, "build_model", lambda *given: None)
    monkeypatch.setattr(repeats, "_fit", lambda repeat, model: done.append(kind_of(repeat)))
    monkeypatch.setattr(conformal, "set_aside", lambda config, data, *given: (data, None))
    alone = SimpleNamespace(share=lambda: b"0", apart=False)
    monkeypatch.setattr(repeats, "current", lambda: alone)
    given: Any = {"unscored": unscored, "augment": "generated:gan"}
    nothing: Any = None
    config = CONFIG.model_copy(update=given)
    repeats.follow_repeats(nothing, config, nothing, nothing, Stage("training"))
    beside = [("none", True)] * (not unscored)
    assert done == [("generated:gan", False), *beside]


def kind_of(repeat: Repeat) -> tuple[str, bool]:
    return str(repeat.config.augment), repeat.plain


def test_files_that_rank_0_writes_or_removes_meanwhile_are_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config.yaml", ".config.yaml.writing", "lock", "gone.json"):
        written(tmp_path / "run.partial" / name, name)
    (tmp_path / "scratch").mkdir()
    copy = shutil.copy

    def copied(file: Path, to: Path) -> None:
        if file.name == "gone.json":
            file.unlink()
        copy(file, to)

    monkeypatch.setattr(running.shutil, "copy", copied)
    running._copy(tmp_path / "run.partial", tmp_path / "scratch")
    assert [file.name for file in (tmp_path / "scratch").iterdir()] == ["config.yaml"]


def test_a_finished_run_is_joined_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path / "run" / "metrics.json", "{}")

    def resumed(rank: int) -> object:
        machines = Machines(rank=rank, world=2, coordinator="127.0.0.1:1")
        return running.resume_shared(Path("~/run"), machines, None, False, Listener())

    assert resumed(1) is None
    with pytest.raises(UsageError, match="is finished: there is nothing to resume"):
        resumed(0)


def test_a_training_that_begins_anew_feeds_its_part_of_each_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[tuple[int, int]] = []
    batches = SimpleNamespace(feed_part=lambda *place: fed.append(place))
    monkeypatch.setattr(training, "build_batches", lambda *given: batches)
    monkeypatch.setattr(training, "watch", lambda *given: None)
    begun: Any = object.__new__(training.Training)
    begun.model = SimpleNamespace(layers=[])
    begun.trained = SimpleNamespace(optimizer=SimpleNamespace(variables=[]))
    begun.watch = SimpleNamespace(metric="loss", mode="min")
    begun.config, begun.group = CONFIG, Group(1, 3)
    nothing: Any = None
    begun.restart(nothing, tmp_path, 0, [], [])
    assert begun.batches is batches and fed == [(1, 3)]
