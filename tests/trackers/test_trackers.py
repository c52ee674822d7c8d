"""Trackers get each epoch once, also of a run that is resumed, and its scores and files.

The libraries are not in the lock, whose versions of others they exclude: these tests have stand-ins
for their few calls. `benchmarks/trackers.py` runs the trackers on the libraries themselves.
"""

from __future__ import annotations

import csv
import sys
from collections import namedtuple
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mlzoo.core import registry
from mlzoo.data.contracts import RunInfo
from mlzoo.runs import tracking
from mlzoo.tuning.search import SearchListener
from mlzoo.tuning.tracking import TrialTrackers
from mlzoo.tuning.trials.trial import TrialResult
from tests.cli.shell import run_mlzoo


def told(name: str, folder: Path, **settings: Any) -> None:
    """Report a run that is stopped after epoch 2, and resumed from the checkpoint of epoch 1."""
    run = RunInfo("iris", folder, {"model": "mlp", "set": {"hidden": [8]}, **settings})
    track = registry.load("tracker", name).track
    first = track(run)
    first.epoch("seed-0", 1, {"loss": 0.5})
    first.epoch("seed-0", 2, {"loss": 0.25})
    first.close()
    resumed = track(run)
    resumed.epoch("seed-0", 2, {"loss": 0.25})
    resumed.epoch("seed-0", 3, {"loss": 0.125})
    resumed.finish(folder, {"accuracy": 0.75})
    resumed.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run" / "plots").mkdir(parents=True)
    for name in ("config.yaml", "lock", "plots/curves.png"):
        (tmp_path / "run" / name).write_text("text")
    return tmp_path / "run"


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """A stand-in for the client: its runs by key."""
    runs: dict[str, dict[str, Any]] = {}
    metric = namedtuple("metric", "key value timestamp step")

    class Client:
        def __init__(self, uri: str) -> None:
            assert uri.startswith("file:")

        def get_experiment_by_name(self, name: str) -> Any:
            return SimpleNamespace(experiment_id=name)

        def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> Any:
            key = f"key-{len(runs)}"
            empty: dict[str, Any] = {"params": {}, "metrics": [], "files": []}
            runs[key] = {"name": run_name, "tags": tags, "states": ["RUNNING"], **empty}
            return SimpleNamespace(info=SimpleNamespace(run_id=key))

        def update_run(self, key: str, status: str) -> None:
            runs[key]["states"].append(status)

        def set_terminated(self, key: str, status: str = "FINISHED") -> None:
            print("View run at: http://localhost")
            runs[key]["states"].append(status)

        def log_param(self, key: str, name: str, value: Any) -> None:
            runs[key]["params"][name] = value

        def log_batch(self, key: str, metrics: list[Any]) -> None:
            runs[key]["metrics"] += [(m.key, m.step, m.value) for m in metrics]

        def log_artifact(self, key: str, path: str, place: str | None) -> None:
            runs[key]["files"].append(f"{place or '.'}/{Path(path).name}")

    module, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
    module.MlflowClient, entities.Metric = Client, metric  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return runs


def test_mlflow_goes_on_with_the_same_run(
    folder: Path, mlflow: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    told("mlflow", folder)
    assert capsys.readouterr().out == "", "the standard output is the command's own"
    (run,) = mlflow.values()
    assert run["states"] == ["RUNNING", "KILLED", "RUNNING", "FINISHED"]
    assert run["params"] == {"model": "mlp", "set.hidden": [8]}
    epochs = [("loss", 1, 0.5), ("loss", 2, 0.25), ("loss", 3, 0.125)]
    assert run["metrics"] == [*epochs, ("test/accuracy", 0, 0.75)]
    assert "./config.yaml" in run["files"] and "plots/curves.png" in run["files"]
    assert "./lock" not in run["files"]


def test_trainings_of_a_run_are_told_apart(folder: Path, mlflow: dict[str, Any]) -> None:
    told("mlflow", folder, folds=3)
    assert mlflow["key-0"]["metrics"][0] == ("seed-0/loss", 1, 0.5)


def over(number: int, score: float | None) -> TrialResult:
    trial = TrialResult(number, {"set.units": 4 + number}, [(0, 0)])
    fit: Any = {"score": score, "error": None if score else "diverged"}
    trial.fits[0, 0] = fit
    return trial


def test_trials_are_runs_below_their_search(tmp_path: Path, mlflow: dict[str, Any]) -> None:
    for number, score in ((0, 0.5), (1, None)):  # a search that is resumed in between
        trackers = TrialTrackers(["mlflow", "csv"], tmp_path, "val_loss", SearchListener())
        trackers.report(over(number, score))
        trackers.report(over(number, score))
    search, first, second = sorted(mlflow.values(), key=lambda run: run["name"] != tmp_path.name)
    assert search["name"] == tmp_path.name and search["tags"] == {}
    parent = next(key for key, run in mlflow.items() if run is search)
    assert [run["tags"] for run in (first, second)] == [{"mlflow.parentRunId": parent}] * 2
    assert first["params"] == {"set.units": 4} and second["params"] == {"set.units": 5}
    assert first["metrics"] == [("test/val_loss", 0, 0.5)] and second["metrics"] == []


def test_a_tracker_that_fails_is_left_by_the_search(tmp_path: Path, mlflow: Any) -> None:
    listener, warnings = SearchListener(), []
    listener.warn = warnings.append  # type: ignore[method-assign]
    trackers = TrialTrackers(["mlflow"], tmp_path, "val_loss", listener)
    sys.modules["mlflow"].MlflowClient = None  # type: ignore[attr-defined]
    for number in range(3):
        trackers.report(over(number, 0.5))
    (warning,) = warnings
    assert "--log mlflow: stopped, TypeError" in warning and "the search goes on" in warning


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stand-in for `init` of wandb and trackio: what it and its runs were called with."""
    calls: list[Any] = []

    class Started:
        def __init__(self, **given: Any) -> None:
            calls.append({name: given[name] for name in ("name", "resume", "group")})
            calls[-1]["id"] = given.get("id")
            self.summary: dict[str, float] = {}

        def log(self, values: dict[str, Any], step: int | None = None) -> None:
            calls.append((values, step))

        def log_artifact(self, artifact: Any) -> None:
            calls.append("artifact")

        def finish(self) -> None:
            calls.append(("finish", self.summary))

    class Artifact:
        def __init__(self, *given: str) -> None:
            self.add_file = lambda path, name: None

    for name in ("wandb", "trackio"):
        module: Any = ModuleType(name)
        module.init, module.Image, module.Settings = Started, str, dict
        module.Artifact = Artifact
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_wandb_goes_on_with_the_same_run(folder: Path, logged: list[Any]) -> None:
    told("wandb", folder)
    starts = [call for call in logged if isinstance(call, dict)]
    assert starts[0] == starts[1] and starts[0]["id"] and starts[0]["resume"] == "allow"
    values = [call[0] for call in logged if isinstance(call, tuple) and "loss" in call[0]]
    assert values == [{"loss": 0.5**n, "epoch": n} for n in (1, 2, 3)]
    assert "artifact" in logged and logged[-1] == ("finish", {"test/accuracy": 0.75})


def test_trackio_goes_on_with_the_same_run(folder: Path, logged: list[Any]) -> None:
    told("trackio", folder)
    starts = [call for call in logged if isinstance(call, dict)]
    assert starts[0] == starts[1] and starts[0]["name"].startswith("iris-")
    steps = [call for call in logged if isinstance(call, tuple) and call[0] != "finish"]
    epochs: list[Any] = [({"loss": 0.5**n}, n) for n in (1, 2, 3)]
    assert steps == [*epochs, ({"test/accuracy": 0.75}, 0)]


def test_a_table_has_each_epoch_once(folder: Path) -> None:
    told("csv", folder)
    with (folder / "trackers" / "epochs.csv").open(newline="") as file:
        rows = [tuple(row.values())[:4] for row in csv.DictReader(file)]
    assert rows == [
        ("seed-0", "1", "loss", "0.5"),
        ("seed-0", "2", "loss", "0.25"),
        ("seed-0", "3", "loss", "0.125"),
        ("test", "0", "accuracy", "0.75"),
    ]


def test_a_library_that_is_missing_is_told_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    done = run_mlzoo("train", "linear", "iris", "--log", "csv,mlflow,wandb", "--out", tmp_path)
    assert done.code == 2
    assert "--log mlflow needs mlflow-skinny: pip install mlflow-skinny" in done.err
    assert "--log wandb needs wandb: pip install wandb" in done.err
    assert not list(tmp_path.iterdir())
