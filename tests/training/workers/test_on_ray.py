"""A training by two workers of Ray: stopped, killed, and sent to machines without our disk."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mlzoo.core.errors import Interrupted, ResourceError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.remote import ray_cluster
from mlzoo.runs.config_loading import merge
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo.runs.predicting.shards import ShardFolder, origin_of
from mlzoo.training.distributed.settings import Machines
from mlzoo.training.workers import attempt, driving
from mlzoo.training.workers.driving import resume_on_ray, train_on_ray
from tests.ray_nodes import nodes
from tests.training.distributed.test_processes import weights
from tests.training.workers import pausing

TWO = Machines(engine="ray", workers=2)


class Heard(Listener):
    """Keeps what it hears; `at` acts once when an epoch is done."""

    def __init__(self, **at: Any) -> None:
        self.at = {int(name[1:]): act for name, act in at.items()}
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.epochs: list[int] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def epoch(self, row: Mapping[str, Any]) -> None:
        self.epochs.append(int(row["epoch"]))
        self.at.pop(self.epochs[-1], lambda: None)()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which commands are given, with a table, beside a cluster of two cores."""
    from sklearn.datasets import load_iris

    folder = tmp_path_factory.mktemp("given")
    load_iris(as_frame=True).frame.iloc[::2].to_csv(folder / "flowers.csv", index=False)
    with nodes(2) as cluster, pytest.MonkeyPatch.context() as patch:
        import ray

        patch.chdir(folder)
        patch.setenv("KERAS_BACKEND", "jax")
        patch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
        ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
        yield folder


def flowers(out: str, **changed: Any) -> Any:
    """The configuration of a training that takes a moment; a checkpoint a step."""
    given = {
        "model": "mlp",
        "data": "flowers.csv",
        "target": "target",
        "preset": "none",
        "task": "classification",
        "set": {"hidden": [8], "dropout": 0.2},
        "epochs": 6,
        "batch_size": 12,
        "early_stopping": 0,
        "checkpoint_every": 0,
        "baselines": "none",
        "pictures": "none",
        "calibrate": "none",
        "name": "run",
        "out": out,
    }
    return merge({**given, **changed})


@pytest.fixture(scope="module")
def apart(place: Path) -> tuple[Path, Heard]:
    """A run of workers that do not see our disk, and what was heard of it."""

    @contextmanager
    def unseen(folder: Path) -> Iterator[tuple[str, str]]:
        yield str(folder / "not-there"), "content"

    heard = Heard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attempt, "_token", unseen)
        patch.setattr(attempt, "_MIRROR_SECONDS", 0)
        run = train_on_ray(flowers("apart"), TWO, False, heard)
    return place / run.path, heard


@pytest.mark.slow
def test_a_run_without_a_shared_disk_comes_back(apart: tuple[Path, Heard], place: Path) -> None:
    run, heard = apart
    assert run == place / "apart" / "run" and (run / "report.html").is_file()
    assert heard.epochs == [1, 2, 3, 4, 5, 6]
    assert f"sending {place / 'flowers.csv'} to workers" in "\n".join(heard.notes)
    kept = yaml.safe_load((run / "config.yaml").read_text())
    assert kept["data"] == str(place / "flowers.csv")
    left = {path.name for path in run.parent.iterdir()}
    assert left == {"run"} and not (run / "checkpoints").exists()


@pytest.fixture(scope="module")
def stopped(place: Path) -> Interrupted:
    """How a run on our disk ended that was asked to stop after its second epoch."""
    heard = Heard(_2=lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted) as caught:
        pausing.pause(patch, 2, place / "until-signaled")
        train_on_ray(flowers("shared"), TWO, False, heard)
    assert heard.epochs == [1, 2]
    return caught.value


@pytest.mark.slow
def test_a_signal_stops_all_and_says_how_to_resume(stopped: Interrupted, place: Path) -> None:
    assert stopped.signal == signal.SIGTERM
    command = "resume with: mlzoo train --resume shared/run --engine ray --workers 2"
    assert stopped.next == command
    assert (place / "shared" / "run.partial" / "config.yaml").is_file()


@pytest.mark.slow
def test_a_killed_worker_changes_no_bit(
    apart: tuple[Path, Heard], stopped: Interrupted, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[attempt.Attempt] = []

    class Known(attempt.Attempt):
        def run(self) -> Path:
            begun.append(self)
            return super().run()

    def kill() -> None:
        os.kill(begun[0].processes[1], signal.SIGKILL)
        pausing.go_on()

    monkeypatch.setattr(driving, "Attempt", Known)
    pausing.pause(monkeypatch, 4, place / "until-killed")
    heard = Heard(_4=kill)
    run = resume_on_ray(Path("shared/run"), TWO, None, False, heard)
    assert len(begun) == 2 and len(heard.warnings) == 1
    assert heard.warnings[0].startswith("worker 1 of 2 on ")
    assert heard.warnings[0].endswith(
        "was lost: its process ended with SIGKILL; all workers are started anew from the last "
        "checkpoint"
    )
    assert heard.epochs[:2] == [3, 4] and heard.epochs[-2:] == [5, 6]
    pairs = list(zip(weights(apart[0]), weights(place / run.path), strict=True))
    assert pairs and all(np.array_equal(*each) for each in pairs)
    first, second = (pd.read_csv(each / "history.csv") for each in (apart[0], run.path))
    assert first["val_loss"].equals(second["val_loss"])
    shutil.rmtree("shared")


@pytest.mark.slow
def test_tasks_predict_the_shards_that_are_missing(apart: tuple[Path, Heard], place: Path) -> None:
    from mlzoo_cli.predict_parts import share_out

    run = OpenedRun(apart[0])
    options: dict[str, Any] = {"coverage": None, "unlike": 0.0, "tta": "none"}
    origin = origin_of(run, "flowers.csv", 20, options)
    folder = ShardFolder(place / "parts", origin)
    folder.write(2, "of an earlier command")
    order = {"run": str(run.path), "data": "flowers.csv", "folder": "parts", "origin": origin}
    order |= {"rows": 20, "trust": False, "safe": False, **options}
    config = PredictConfig(output=place / "parts", shards=20, engine="ray", workers=2)
    assert share_out(order, config, "again") == (55, 4)
    parts = [folder.part(number).read_text() for number in range(4)]
    assert parts[2] == "of an earlier command"
    names = [line.split(",")[0] for part in parts for line in part.splitlines()[1:]]
    assert names == [f"row {i}" for i in (*range(1, 41), *range(61, 76))]


@pytest.mark.slow
def test_a_mistake_that_workers_find_is_told_once(place: Path) -> None:
    with pytest.raises(UsageError, match="a batch of 13 samples"):
        train_on_ray(flowers("wrong", batch_size=13), TWO, False, Listener())
    assert not list((place / "wrong").iterdir())


def test_tensorflow_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    with pytest.raises(UsageError, match="--workers 2: only JAX shares batches among processes"):
        train_on_ray(merge({"model": "mlp", "data": "iris"}), TWO, False, Listener())


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'mlzoo-keras\[ray\]'"):
        train_on_ray(merge({"model": "mlp", "data": "iris"}), TWO, False, Listener())


def test_a_wrong_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ray:
        """No cluster is anywhere."""

        def is_initialized(self) -> bool:
            return False

        def init(self, address: str, **settings: Any) -> None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise ConnectionError(f"Could not find a cluster at {address}.\nMore.")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ResourceError, match="a cluster at local"):
        ray_cluster.join(Ray(), None, 2)  # never one that RAY_ADDRESS names
    with pytest.raises(ResourceError) as caught:
        ray_cluster.join(Ray(), "node9:6379", 2)
    told = "--address node9:6379: no Ray cluster can be joined: Could not find a cluster at"
    assert str(caught.value).startswith(told)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"workers": 2}, "workers has no effect without engine ray"),
        ({"address": "auto"}, "address has no effect without engine ray"),
        ({"engine": "ray", "rank": 0}, "engine ray starts all processes itself: leave out rank"),
        ({"engine": "ray", "world": 2}, "engine ray starts all processes itself: leave out world"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Machines(**given)
