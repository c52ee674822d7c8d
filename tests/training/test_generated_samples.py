"""Samples that a generator drew among those that a model is trained on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data, Part
from mlzoo.runs import datasets
from mlzoo.runs.run_folder import RunFolder
from mlzoo.training import members, repeats
from mlzoo.training.building import build_model
from mlzoo.training.scoring.scored import Repeat
from mlzoo.training.signals import Stage
from mlzoo.training.starting.appended_rows import AppendedRows
from mlzoo.training.starting.generated_samples import (
    adds_generated,
    recorded_generator,
    refuse_in_search,
    warn_of_seen,
    with_generated,
)
from tests.training import made
from tests.training.made import LEAN, config

SETTINGS = {"filters": 4, "code": 4, "conditional": True}


class Heard(Listener):
    """Listener that keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 90 images of three classes, `d.npz`, and a generator of them, `gan`."""
    path = tmp_path_factory.mktemp("generated")
    rng = np.random.default_rng(0)
    classes = np.arange(90) % 3
    images = rng.integers(0, 80, (90, 8, 8), dtype="uint8") + 80 * classes[:, None, None]
    np.savez(path / "d.npz", x=images.astype("uint8"), y=np.array(["a", "b", "c"])[classes])
    given: dict[str, Any] = {"epochs": 1, "preset": "none", "split": "hash", "set": SETTINGS}
    mlzoo.train("dcgan", str(path / "d.npz"), name="gan", out=str(path), **given, **LEAN)
    return path


def asked(folder: Path, **more: Any) -> Any:
    augment = f"generated:{folder / 'gan'}"
    given = {"data": str(folder / "d.npz"), "augment": augment, "split": "hash"}
    return config(**given | more)


def test_rows_follow_others() -> None:
    first, added = np.arange(12.0).reshape(6, 2), np.arange(100.0, 106).reshape(3, 2)
    rows, whole = AppendedRows(first, added), np.concatenate([first, added])
    assert rows.shape == (9, 2) and len(rows) == 9 and rows.dtype == first.dtype
    for at in (np.array([8, 0, 6, 5]), slice(4, 8), np.array([], int), 2, 7):
        np.testing.assert_array_equal(rows[at], whole[at])
    np.testing.assert_array_equal(rows.only(np.array([6, 1])), whole[[6, 1]])


def test_the_training_split_alone_gets_drawn_samples_of_its_classes(folder: Path) -> None:
    run = asked(folder)
    data = datasets.load(run)
    more = with_generated(run, data, 0, Listener())
    count = len(data.train)
    assert len(more.train) == 2 * count and more.valid is data.valid and more.test is data.test
    np.testing.assert_array_equal(more.train.inputs(slice(0, count)), data.train.inputs())
    np.testing.assert_array_equal(more.train.targets[count:], data.train.targets)
    drawn = more.train.inputs(slice(count, None))
    assert drawn.dtype == data.train.inputs().dtype and drawn.max() > drawn.min()
    again = with_generated(run, data, 0, Listener())
    np.testing.assert_array_equal(again.train.inputs(), more.train.inputs())
    other = with_generated(run, data, 1, Listener())
    assert (other.train.inputs(slice(count, None)) != drawn).any()
    assert not adds_generated(config()) and with_generated(config(), data, 0, Listener()) is data


def test_what_is_scored_was_not_seen_by_the_generator(folder: Path) -> None:
    other = asked(folder, split="random", seed=7)
    data = datasets.load(other)
    with pytest.raises(DataError, match=r"was trained on \d+ of the 18 samples.*--split hash"):
        with_generated(other, data, 7, Listener())
    heard = Heard()
    with_generated(other.model_copy(update={"allow_leakage": True}), data, 7, heard)
    assert "--allow-leakage" in heard.warnings[0]
    deep = folder / "deep.npz"
    with np.load(folder / "d.npz") as archive:
        np.savez(deep, x=archive["x"].astype("uint16") * 257, y=archive["y"])
    sixteen = asked(folder, data=str(deep), split="random", seed=7)
    with pytest.raises(DataError, match=r"was trained on \d+ of the 18 samples"):
        with_generated(sixteen, datasets.load(sixteen), 7, Listener())
    run, heard = asked(folder, folds=3), Heard()
    each = members.members_of(run, datasets.load(run), 0, heard)
    assert len(heard.warnings) > 1
    assert all("whose scores are therefore too good" in text for text in heard.warnings)
    for member in each:
        real = member.data.train.indices < 90
        assert real.sum() * 2 == len(real), "as many as are trained on in the fold"
        assert not np.isin(member.data.train.indices, member.held_out.indices).any()


def test_a_generator_that_knows_the_validation_split_is_warned_of(folder: Path) -> None:
    run, heard = asked(folder), Heard()
    data = datasets.load(run)
    with_generated(run, data, 0, heard)
    warn_of_seen(run, data.valid, heard)
    assert not heard.warnings
    with_generated(run, replace(data, valid=data.train), 0, heard)
    assert re.search(r"trained on (\d+) of the \1 samples of the validation", heard.warnings[0])
    warn_of_seen(run, data.train, heard)
    assert re.search(r"trained on (\d+) of the \1 samples set aside", heard.warnings[1])
    warn_of_seen(config(), data.train, heard)
    assert len(heard.warnings) == 2


def test_what_draws_no_such_samples_is_refused(folder: Path) -> None:
    data = datasets.load(asked(folder))
    with pytest.raises(UsageError, match="there is no config.yaml in it; name the folder of a run"):
        with_generated(asked(folder, augment="generated:nowhere"), data, 0, Listener())
    recorded = recorded_generator(f"generated:{folder / 'gan'}")
    with_generated(asked(folder, augment=recorded), data, 0, Listener())
    with pytest.raises(UsageError, match="has changed since the run began"):
        with_generated(asked(folder, augment=recorded[:-4] + "0000"), data, 0, Listener())
    large = np.zeros((90, 9, 9, 1), "uint8")
    samples = replace(data.samples, inputs=large)
    parts = [Part(samples, each.indices) for each in data.parts().values()]
    wrong = Data(samples, *parts, data.inputs, data.outputs, "made")
    with pytest.raises(UsageError, match="draws samples of shape"):
        with_generated(asked(folder), wrong, 0, Listener())
    with pytest.raises(UsageError, match="has no class a sample"):
        datasets.load(asked(folder, model="autoencoder"))
    with pytest.raises(UsageError, match="is for a training; leave it out of the search"):
        refuse_in_search(asked(folder))


def test_the_model_beside_is_calibrated_and_costs_no_run_where_it_diverges(tmp_path: Path) -> None:
    place, heard = RunFolder(tmp_path, tmp_path, None), Heard()
    more: dict[str, Any] = {"epochs": 1, "preset": "none", "calibrate": "temperature"}
    more |= {"optimizer": "sgd", "schedule": "constant", "learning_rate": 0.01}
    run, data = config(augment="generated:gan", **more), made.data()
    repeat = Repeat(place, run, data, 0, True, heard, Stage("training"))
    beside = repeats._without_generated(repeat)
    assert len(beside.model.layers) > len(build_model(run, data, 0).layers)
    assert not heard.warnings
    wild = run.model_copy(update={"model": "mlp", "learning_rate": 1e38, "epochs": 3})
    assert repeats._without_generated(replace(repeat, config=wild, seed=1)) is None
    assert "no scores without generated samples" in heard.warnings[0]
    assert not [each for each in tmp_path.iterdir() if each.is_file()], "no file of the run"


@pytest.mark.slow
def test_a_run_stands_beside_the_same_model_without_them(folder: Path, tmp_path: Path) -> None:
    given = {"epochs": 3, "preset": "none", "split": "hash", "set": {"hidden": [8]}}
    given["out"] = str(tmp_path)
    data, augment = str(folder / "d.npz"), f"generated:{folder / 'gan'}"
    plain = mlzoo.train("mlp", data, **given, **LEAN)
    begun: list[Any] = []
    count = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: begun.append(logs))
    run = mlzoo.train("mlp", data, **given, **LEAN, augment=augment, callbacks=[count])
    assert len(begun) == 1, "the training beside it calls none"
    beside = run.metrics["test"]["baselines"]["without_generated"]
    for name, value in beside.items():
        if isinstance(value, float) and name in plain.metrics["test"]["metrics"]:
            assert value == pytest.approx(plain.metrics["test"]["metrics"][name], rel=1e-5)
    assert run.config.augment == recorded_generator(augment)
    assert not list((run.path / "checkpoints").glob("*")), "those of both are removed"
    folds = mlzoo.train("mlp", data, **given, **LEAN, augment=augment, folds=3)
    assert "without_generated" in folds.metrics["test"]["baselines"]
