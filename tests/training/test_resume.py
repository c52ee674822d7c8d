"""A training that is cut off anywhere and resumed ends with the weights of one that was not."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.api import Run
from mlzoo.core import files
from mlzoo.core.errors import DataError, Interrupted, ResourceError, UsageError
from mlzoo.core.progress import Listener, read_epochs
from mlzoo.data.samples import Data
from mlzoo.runs import datasets, run_folder
from mlzoo.runs.config_loading import merge
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop
from mlzoo.training.train import resume, train_merged
from tests.once import once
from tests.training.made import LEAN

SETTINGS = {
    "mlp": {"set": {"hidden": [16], "dropout": 0.3, "batch_normalization": True}},
    "cnn": {"set": {"filters": [4, 8], "dropout": 0.2}},
}


class Cut(BaseException):
    """The process ends here; nothing that is not on the disk survives."""


class CutAt(Listener):
    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, epoch, step, logs) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cut


class CountSteps(Listener):
    """Counts the steps of a training."""

    done = 0

    def step(self, epoch, step, logs) -> None:
        self.done += 1


class CopyAt(CountSteps):
    """Keeps what a process leaves on the disk that ends after one of some steps."""

    def __init__(self, folder: Path, steps: set[int]) -> None:
        self.folder, self.steps = folder, steps

    def step(self, epoch, step, logs) -> None:
        super().step(epoch, step, logs)
        if self.done in self.steps:
            shutil.copytree(self.folder, self.folder.with_name(f"cut-{self.done}"))


def run(folder: Path, model: str, name: str, listener: Listener | None = None, **more) -> Run:
    settings = {**BASE, **SETTINGS[model], **more}
    merged = merge({"model": model, "out": str(folder), "name": name, **settings})
    return train_merged(merged, listener=listener)


BASE = {
    "data": "digits",
    "limit": 300,
    "epochs": 3,
    "early_stopping": 2,
    "schedule": "plateau",
    "plateau_patience": 1,
    "learning_rate": 0.02,
    **LEAN,
}
STEPS = 6  # an epoch: 180 training samples, 32 a step


def uninterrupted(model: str, **more) -> dict[str, Any]:
    """The metrics of a run that was not cut, trained once for all tests that compare with it."""
    name = "-".join(["uninterrupted", model, *(f"{key}{value}" for key, value in more.items())])
    folder = once(name, lambda root: run(root, model, "whole", **more))
    return files.read_json(folder / "whole" / "metrics.json")


@functools.cache
def digits() -> Data:
    return datasets.load(merge({"model": "mlp", **BASE}).config)


def cut_run(folder: Path) -> Path:
    """The run `cut` in a folder, unfinished: a copy of one that was cut in its second epoch."""

    def cut(root: Path) -> None:
        with pytest.raises(Cut):
            run(root, "mlp", "cut", CutAt(9), checkpoint_every=0)

    shutil.copytree(once("cut", cut), folder, dirs_exist_ok=True)
    return folder / "cut"


def fit(folder: Path, listener: Listener | None = None, **more) -> tuple[Fitted, str]:
    """Only the training of a run: the history and the digest of the final weights."""
    given = {**BASE, **more}
    settings = {name: value for name, value in given.items() if value is not None}
    config = merge(settings).config
    model = build_model(config, digits(), config.seed)
    told = listener or Listener()
    fitted = Training(model, digits(), config, folder, config.seed, told, Stop()).fit()
    return fitted, checkpoints.weights_sha256(model)


@pytest.mark.slow
@pytest.mark.parametrize("model", [pytest.param("mlp", marks=pytest.mark.backends), "cnn"])
def test_random_cuts_change_no_bit(model: str, tmp_path: Path) -> None:
    given = {"model": model, **SETTINGS[model]}
    # One is the step before the smaller last batch.
    points = {STEPS - 1, *np.random.default_rng(7).permutation(STEPS * 3)[:3].tolist()} - {0}
    points = points if keras.backend.backend() == "tensorflow" else {8}
    (tmp_path / "whole").mkdir()
    copies = CopyAt(tmp_path / "whole", points)
    every = 0 if model == "mlp" else 0.05  # rarer than steps: some have to be done again
    whole, digest = fit(tmp_path / "whole", copies, checkpoint_every=every, **given)
    for point in sorted(points):
        resumed, resumed_digest = fit(tmp_path / f"cut-{point}", **given)
        assert resumed_digest == digest, f"cut after step {point}"
        assert resumed.history == whole.history
        assert (resumed.kept_epoch, resumed.value) == (whole.kept_epoch, whole.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        pytest.param(
            {"precision": "mixed_float16", "schedule": "cosine", "plateau_patience": None},
            marks=pytest.mark.backends,
        ),
        {"optimizer": "momentum", "clip_norm": 1.0, "sampler": "balanced"},
        {"optimizer": "adadelta", "learning_rate": None, "class_weights": "auto", "keep": "last"},
    ],
)
def test_a_cut_changes_no_bit_whatever_the_settings(more: dict, tmp_path: Path) -> None:
    given = {"model": "mlp", **SETTINGS["mlp"], **more}
    try:
        (tmp_path / "whole").mkdir()
        copies = CopyAt(tmp_path / "whole", {9})
        _, digest = fit(tmp_path / "whole", copies, checkpoint_every=0, **given)
        rest = CountSteps()
        _, resumed = fit(tmp_path / "cut-9", rest, **given)
    finally:
        keras.config.set_dtype_policy("float32")
    assert resumed == digest and rest.done == copies.done - 8


@pytest.mark.slow
def test_repeats_go_on_with_the_one_that_was_cut(tmp_path: Path) -> None:
    given = {"repeats": 2, "epochs": 2, "early_stopping": 0}
    whole = run(tmp_path, "mlp", "whole", **given)
    with pytest.raises(Cut):
        run(tmp_path, "mlp", "cut", CutAt(15), checkpoint_every=0, **given)
    resumed = resume(tmp_path / "cut")
    summary = resumed.metrics["repeats"]["summary"]["accuracy"]
    assert summary == whole.metrics["repeats"]["summary"]["accuracy"]
    assert len(set(summary["values"])) == 2


@pytest.mark.slow
def test_a_process_killed_with_9_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    whole = uninterrupted("cnn")
    script = (
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from pathlib import Path\n"
        "from tests.training.test_resume import run\n"
        "from mlzoo.core.progress import Listener\n"
        "class Kill(Listener):\n"
        "    left = 11\n"
        "    def step(self, epoch, step, logs):\n"
        "        self.left -= 1\n"
        "        if not self.left: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"run(Path({str(tmp_path)!r}), 'cnn', 'killed', Kill(), checkpoint_every=0.02)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "killed.partial" / "config.yaml").exists()
    resumed = resume(tmp_path / "killed")
    assert resumed.metrics["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.slow
def test_a_signal_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    whole = uninterrupted("mlp")

    class Interrupt(Listener):
        left = 8

        def step(self, epoch, step, logs) -> None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match=r"mlzoo train --resume .*stopped") as caught:
        run(tmp_path, "mlp", "stopped", Interrupt())
    assert caught.value.signal == signal.SIGTERM
    found = checkpoints.newest(tmp_path / "stopped.partial" / "checkpoints" / "seed-0")
    assert found is not None and (found.state["epoch"], found.state["step"]) == (2, 3)
    table = tmp_path / "stopped.partial" / "epochs.csv"
    assert {v.epoch for v in read_epochs(table)} == {1} and table.stat().st_size

    class Look(Listener):
        epochs: list[list[int]] = []

        def epoch(self, row) -> None:
            losses = [v.epoch for v in read_epochs(table) if v.name == "loss"]
            self.epochs.append(losses)

    resumed = resume(tmp_path / "stopped", listener=Look())
    assert Look.epochs[-1] == list(range(1, resumed.metrics["epochs"])), "the last one comes next"
    assert not (resumed.path / "epochs.csv").exists()
    assert resumed.metrics["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    whole = uninterrupted("mlp")
    cut_run(tmp_path)
    folder = tmp_path / "cut.partial" / "checkpoints" / "seed-0"
    newest = sorted(folder.glob("state-*.npz"))
    assert len(newest) == 2
    newest[-1].write_bytes(newest[-1].read_bytes()[:-100])
    warnings: list[str] = []

    class Hear(Listener):
        def warn(self, text: str) -> None:
            warnings.append(text)

    resumed = resume(tmp_path / "cut", listener=Hear())
    assert any("damaged" in warning for warning in warnings)
    assert resumed.metrics["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.slow
def test_damaged_best_weights_count_as_a_damaged_checkpoint(tmp_path: Path) -> None:
    whole = uninterrupted("mlp", early_stopping=0)
    with pytest.raises(Cut):
        run(tmp_path, "mlp", "cut", CutAt(STEPS + 1), checkpoint_every=0, early_stopping=0)
    folder = tmp_path / "cut.partial" / "checkpoints" / "seed-0"
    older, newest = sorted(folder.glob("state-*.json"))
    assert files.read_sealed(older)["best"] is None, "the last step of epoch 1"
    best = folder / files.read_sealed(newest)["best"]["name"]
    best.write_bytes(best.read_bytes()[:-100])
    warnings: list[str] = []

    class Hear(Listener):
        def warn(self, text: str) -> None:
            warnings.append(text)

    resumed = resume(tmp_path / "cut", listener=Hear())
    assert any(f"checkpoint {newest.stem} is damaged" in warning for warning in warnings)
    assert resumed.metrics["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.slow
def test_nothing_starts_again_silently_where_all_checkpoints_are_damaged(tmp_path: Path) -> None:
    cut_run(tmp_path)
    for path in (tmp_path / "cut.partial" / "checkpoints" / "seed-0").glob("state-*.npz"):
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="all checkpoints in .* are damaged .*start a new run"):
        resume(tmp_path / "cut")


@pytest.mark.slow
def test_what_would_change_the_weights_is_refused(tmp_path: Path) -> None:
    cut = cut_run(tmp_path)
    path = tmp_path / "cut.partial" / "environment.json"
    before = files.read_json(path)
    for change, message in (
        ({"backend": "fortran"}, "backend is .*, was fortran; bring that back"),
        ({"versions": {"keras": "3.0.0"}}, "keras is 3.*, was 3.0.0"),
        ({"files": {"/plug/in.py": "0"}}, "/plug/in.py has changed since this run started"),
    ):
        changed = {k: {**before[k], **v} if isinstance(v, dict) else v for k, v in change.items()}
        files.write_json(path, {**before, **changed})
        with pytest.raises(UsageError, match=message):
            resume(cut)
    files.write_json(path, before)
    assert resume(cut).metrics["epochs"]


def test_a_changed_plug_in_is_refused(tmp_path: Path) -> None:
    source = (
        "import keras\nfrom mlzoo.core.configs import Settings\nclass Config(Settings):\n    pass\n"
        "def build(config, inputs, outputs):\n    start, x = inputs.start()\n"
        "    x = keras.layers.Dense(4, 'relu')(keras.layers.Flatten()(x))\n"
        "    return keras.Model(start, outputs.head(x))\n"
    )
    plugin = tmp_path / "own.py"
    plugin.write_text(source)
    merged = merge({**BASE, "model": str(plugin), "out": str(tmp_path), "name": "cut"})
    with pytest.raises(Cut):
        train_merged(merged, listener=CutAt(9))
    plugin.write_text(source.replace("relu", "tanh"))
    with pytest.raises(UsageError, match="own.py has changed since this run started"):
        resume(tmp_path / "cut")


def test_epochs_of_repeats_stay_alike(tmp_path: Path) -> None:
    with pytest.raises(Cut):
        run(tmp_path, "mlp", "cut", CutAt(9), checkpoint_every=0, repeats=2)
    with pytest.raises(UsageError, match="can't be raised in a run with --repeats"):
        resume(tmp_path / "cut", epochs=9)


@pytest.mark.slow
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch) -> None:
    whole = uninterrupted("mlp")
    write, calls = files.write_bytes, []

    def full(path: Path, content: bytes) -> None:
        if path.suffix == ".npz":
            calls.append(path)
            if len(calls) > 6:
                raise ResourceError("the disk is full")
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(ResourceError, match="disk is full"):
        run(tmp_path, "mlp", "cut", checkpoint_every=0)
    monkeypatch.undo()
    assert resume(tmp_path / "cut").metrics["weights_sha256"] == whole["weights_sha256"]


@pytest.mark.slow
def test_what_cannot_be_resumed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no unfinished run"):
        resume(tmp_path / "nothing")
    finished = run(tmp_path, "mlp", "finished", epochs=1, early_stopping=0)
    with pytest.raises(UsageError, match="finished"):
        resume(finished.path)
    cut_run(tmp_path)
    with pytest.raises(UsageError, match="fewer"):
        resume(tmp_path / "cut", epochs=1)
    with pytest.raises(UsageError, match="unfinished run.*--resume"):
        run(tmp_path, "mlp", "cut")
    owner = run_folder.reopen(tmp_path / "cut")
    with pytest.raises(UsageError, match="in use by process"):
        resume(tmp_path / "cut")
    owner.release()


@pytest.mark.slow
def test_epochs_can_be_raised(tmp_path: Path) -> None:
    longer = run(tmp_path, "mlp", "longer", epochs=6, early_stopping=0)
    with pytest.raises(Cut):
        run(tmp_path, "mlp", "cut", CutAt(9), checkpoint_every=0, early_stopping=0, epochs=3)
    resumed = resume(tmp_path / "cut", epochs=6)
    assert resumed.metrics["epochs"] == 6
    assert resumed.metrics["weights_sha256"] == longer.metrics["weights_sha256"]
    assert resumed.config.epochs == 6
