"""Runs report to trackers, which neither stop a training nor lose their place when it resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlzoo.core.errors import Interrupted
from mlzoo.core.progress import Listener
from mlzoo.runs.config_loading import merge, read_config
from mlzoo.trackers import tensorboard
from mlzoo.training.train import resume, train_merged
from tests.cli.shell import run_mlzoo


def merged(tmp_path: Path, **flags: Any):
    given = {"model": "linear", "data": "iris", "epochs": 3, "baselines": "none", "name": "run"}
    return merge({**given, "log": "tensorboard", "out": str(tmp_path), **flags})


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    tags = events.Tags()["scalars"]
    return {tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in tags}


def images(folder: Path) -> list[str]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return list(EventAccumulator(str(folder)).Reload().Tags()["images"])


def history(run: Any) -> list[dict[str, str]]:
    import csv

    return list(csv.DictReader((run.path / "history.csv").open()))


def test_tensorboard_shows_the_history_the_scores_and_the_pictures(tmp_path: Path) -> None:
    run = train_merged(merged(tmp_path))
    logged = scalars(run.path / tensorboard.FOLDER / "seed-0")
    for column, tag in (("loss", "loss/training"), ("val_loss", "loss/validation")):
        expected = [(n, float(row[column])) for n, row in enumerate(history(run), 1)]
        assert [step for step, _ in logged[tag]] == [step for step, _ in expected]
        assert [v for _, v in logged[tag]] == pytest.approx([v for _, v in expected], rel=1e-5)
    assert {"accuracy/training", "accuracy/validation", "learning_rate"} <= logged.keys()
    load = logged["system/cpu_utilization_percentage"]
    assert [step for step, _ in load] == [1, 2, 3] and all(0 <= v <= 100 for _, v in load)
    scores = scalars(run.path / tensorboard.FOLDER)
    accuracy = run.metrics["test"]["metrics"]["accuracy"]
    assert scores["test/accuracy"] == [(0, pytest.approx(accuracy))]
    assert {"learning_curves", "confusion_matrix"} <= set(images(run.path / tensorboard.FOLDER))


def test_each_fold_is_a_run_of_its_own(tmp_path: Path) -> None:
    run = train_merged(merged(tmp_path, folds=2, epochs=1))
    folders = sorted(p.name for p in (run.path / tensorboard.FOLDER).iterdir() if p.is_dir())
    assert len(folders) == 2
    assert all(name.startswith("seed-0-") for name in folders)


def test_epochs_that_are_trained_again_replace_those_logged_before(tmp_path: Path) -> None:
    class Stops(Listener):
        def epoch(self, row: Any) -> None:
            if row["epoch"] == 2:
                raise Interrupted("stopped", 2)

    with pytest.raises(Interrupted):
        train_merged(merged(tmp_path, checkpoint_every=1e9), listener=Stops())
    run = resume(tmp_path / "run")
    logged = scalars(run.path / tensorboard.FOLDER / "seed-0")["loss/training"]
    assert [step for step, _ in logged] == [1, 2, 3]
    assert [v for _, v in logged] == pytest.approx([float(r["loss"]) for r in history(run)], 1e-5)


def test_a_tracker_that_fails_is_told_once_and_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise OSError("no space")

    monkeypatch.setattr(tensorboard.TensorBoard, "epoch", fails)
    warnings: list[str] = []
    listener = Listener()
    listener.warn = warnings.append  # type: ignore[method-assign]
    run = train_merged(merged(tmp_path), listener=listener)
    told = [text for text in warnings if "--log" in text]
    assert told == [
        "--log tensorboard: stopped, OSError: no space; the training goes on without it"
    ]
    assert run.metrics["epochs"] == 3
    assert read_config(run.path).log == ["tensorboard"]


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    done = run_mlzoo("train", "linear", "iris", "--log", "tensorbord", "--out", tmp_path)
    assert done.code == 2
    assert "unknown tracker 'tensorbord' (did you mean 'tensorboard'?)" in done.err
