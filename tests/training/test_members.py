"""Several trainings as one model: folds, seeds, their mean, and resuming in the middle."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.data.specs import Target
from mlzoo.introspection.heads import activate
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge
from mlzoo.training import members
from mlzoo.training.building import build_model
from mlzoo.training.loop.training import Training
from mlzoo.training.members import combine, fit_members, members_of
from mlzoo.training.scoring.out_of_fold import score_out_of_fold
from mlzoo.training.signals import Stop
from mlzoo.training.train import resume, train_merged
from tests.training import made
from tests.training.made import LEAN
from tests.training.test_resume import Cut, CutAt

TABLE = {"model": "mlp", "data": "wine", "preset": "none", "epochs": 2}
SMALL = {"hidden": [8], "dropout": 0.2}


def arranged(**more) -> tuple[Data, object]:
    config = merge({**TABLE, "set": SMALL, **more}).config
    return datasets.load(config), config


@pytest.mark.parametrize(
    ("task", "classes"), [("classification", 2), ("classification", 3), ("regression", 0)]
)
def test_the_mean_of_members_is_one_model_with_logits(task: str, classes: int, tmp_path) -> None:
    data = made.data(classes=classes or 2, task=task)
    models = [build_model(made.config(), data, seed) for seed in range(3)]
    inputs = data.test.inputs()
    each = np.stack([model.predict_on_batch(inputs) for model in models], axis=1)
    combined = combine(models, data.outputs)
    combined.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    for model in (combined, loaded):
        np.testing.assert_allclose(model.predict_on_batch(inputs), each.mean(axis=1), rtol=1e-5)
        held = keras.Model(model.input, model.get_layer("members").output)
        np.testing.assert_allclose(held.predict_on_batch(inputs), each, rtol=1e-5)
    if task == "classification":
        head = keras.Model(combined.input, combined.get_layer("mean").output)
        kind = "softmax" if classes > 2 else "sigmoid"
        again = activate(head.predict_on_batch(inputs), kind)
        np.testing.assert_allclose(again, each.mean(axis=1), rtol=1e-4)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_no_fold_decides_anything_about_the_member_that_predicts_it(keep: str) -> None:
    data, config = arranged(folds=4, keep=keep, early_stopping=0)
    members = members_of(config, data, 3)
    pool = np.union1d(data.train.indices, data.valid.indices)
    for member in members:
        seen = np.concatenate([member.data.train.indices, member.data.valid.indices])
        assert len(np.intersect1d(seen, member.held_out.indices)) == 0
        assert len(np.intersect1d(seen, data.test.indices)) == 0
        np.testing.assert_array_equal(np.union1d(seen, member.held_out.indices), pool)
        assert (len(member.data.valid) == 0) == (keep == "last")
        assert member.data.inputs == members[0].data.inputs
    held_out = np.sort(np.concatenate([member.held_out.indices for member in members]))
    np.testing.assert_array_equal(held_out, pool)
    assert len({member.seed for member in members}) == 4


def test_a_member_is_what_its_training_alone_would_be(tmp_path: Path) -> None:
    data, config = arranged(ensemble=3, schedule="plateau", plateau_patience=1)
    ensemble = fit_members(config, data, 5, tmp_path / "together", Listener(), Stop())
    inputs = data.test.inputs()
    layer = ensemble.model.get_layer("members")
    together = keras.Model(ensemble.model.input, layer.output).predict_on_batch(inputs)
    for member in members_of(config, data, 5):
        model = build_model(config, member.data, member.seed)
        alone = Training(
            model,
            member.data,
            config,
            tmp_path / f"{member.number}",
            member.seed,
            Listener(),
            Stop(),
        )
        alone.fit()
        np.testing.assert_allclose(
            together[:, member.number - 1], model.predict_on_batch(inputs), rtol=1e-6
        )


def test_a_run_of_folds_predicts_each_sample_by_the_member_that_never_saw_it(tmp_path) -> None:
    merged = merge({**TABLE, "set": SMALL, "folds": 3, "out": str(tmp_path), "name": "run"})
    run = train_merged(merged)
    data, config = datasets.load(merged.config), merged.config
    with (run.path / "out_of_fold.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pool = np.union1d(data.train.indices, data.valid.indices)
    assert [int(row["index"]) for row in rows] == pool.tolist()
    held = keras.Model(run.model.input, run.model.get_layer("members").output)
    outputs = held.predict_on_batch(data.samples.inputs[pool])
    columns = [name for name in rows[0] if name.startswith("p_")]
    for row, given in zip(rows, outputs, strict=True):
        expected = given[int(row["fold"]) - 1]
        np.testing.assert_allclose([float(row[c]) for c in columns], expected, rtol=1e-4)
    for member in members_of(config, data, 0):
        numbers = [int(row["index"]) for row in rows if int(row["fold"]) == member.number]
        assert numbers == member.held_out.indices.tolist()
    assert len(run.metrics["members"]) == 3
    assert run.metrics["out_of_fold"]["samples"] == len(pool)
    report = (run.path / "report.html").read_text()
    assert "The model is the mean of 3" in report


@pytest.mark.parametrize("step", [3, 12])
def test_a_run_that_is_cut_in_any_member_ends_the_same(tmp_path: Path, step: int) -> None:
    settings = {**TABLE, **LEAN, "set": SMALL, "folds": 3, "out": str(tmp_path)}
    settings["checkpoint_every"] = 0
    whole = train_merged(merge({**settings, "name": "whole"}))
    with pytest.raises(Cut):
        train_merged(merge({**settings, "name": "cut"}), listener=CutAt(step))
    again = resume(tmp_path / "cut")
    assert again.metrics["weights_sha256"] == whole.metrics["weights_sha256"]
    assert again.metrics["out_of_fold"] == whole.metrics["out_of_fold"]
    assert not list(again.path.glob("checkpoints*"))


FAMILIES = {
    "unet": {"data": "shapes", "limit": 12, "set": {"filters": 2, "depth": 2}},
    "rnn": {"data": "accelerometer", "limit": 12, "set": {"units": [3]}},
    "tcn": {"data": "mackey-glass", "limit": 300, "horizon": 3, "set": {"filters": 4}},
    "nlinear": {"data": "sine-mix", "limit": 300, "horizon": 3, "set": {"transform": "none"}},
    "cnn": {"data": "digits", "limit": 60, "set": {"filters": [2]}},
}


@pytest.mark.parametrize("model", FAMILIES)
def test_masks_sequences_and_forecasts_have_members_too(model: str) -> None:
    config = merge({"model": model, "preset": "none", **FAMILIES[model]}).config
    data = datasets.load(config)
    models = [build_model(config, data, seed) for seed in range(2)]
    inputs = data.test.inputs(slice(0, 2))
    mean = np.mean([model.predict_on_batch(inputs) for model in models], axis=0)
    combined = combine(models, data.outputs)
    np.testing.assert_allclose(combined.predict_on_batch(inputs), mean, rtol=1e-4, atol=1e-6)
    # Where sequences have a mask, it is read from the raw inputs: each member keeps its scaling.
    shared = [layer.name for layer in combined.layers].count("scaling")
    assert shared == (model in ("cnn", "unet"))


def test_pictures_of_a_mean_leave_out_its_gradients(tmp_path: Path) -> None:
    given = {"model": "nlinear", "data": "sine-mix", "limit": 120, "window": 8, "preset": "none"}
    given |= {"epochs": 1, "baselines": "none", "out": str(tmp_path)}
    for ensemble in (1, 2):
        run = train_merged(merge({**given, "ensemble": ensemble, "name": f"of-{ensemble}"}))
        pictures = {path.name for path in run.path.rglob("*.png")}
        assert ("gradient_lags.png" in pictures) == (ensemble == 1) and len(pictures) > 1


def test_a_run_without_a_test_split_is_scored_out_of_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def score(*given: Any) -> Any:
        calls.append(given[3])
        return score_out_of_fold(*given)

    monkeypatch.setattr("mlzoo.training.scoring.out_of_fold.score_out_of_fold", score)
    # Labels are noise: whoever has seen a sample knows it, and nobody else can.
    random = np.random.default_rng(0)
    x, y = random.normal(size=(120, 4)).astype("float32"), random.integers(0, 2, 120)
    np.savez(tmp_path / "noise.npz", x=x, y=y)
    settings = {"fractions": "80/20/0", "folds": 3, "baselines": "all", "out": str(tmp_path)}
    data = {"data": str(tmp_path / "noise.npz"), "set": SMALL}
    run = train_merged(merge({**TABLE, **data, **settings, "name": "run"}))
    assert calls == ["all"]
    test = run.metrics["test"]
    assert (test["part"], test["samples"]) == ("out_of_fold", 120)
    alone = run.metrics["out_of_fold"]
    assert alone == {**test, "baselines": {}, "gain": None, "verdict": None}
    assert {"forest", "neighbors", "linear"} <= set(test["baselines"])
    for scores in test["baselines"].values():
        assert scores["accuracy"] < 0.68
    report = (run.path / "report.html").read_text()
    assert "this run has no test split" in report
    assert "Fewer than" not in report
    assert "this run has no test split" in (run.path / "README.md").read_text()
    rows = (run.path / "predictions.csv").read_text().splitlines()
    assert len(rows) == 121


class Rows:
    """Sequences of a fold, of which only the places and the longest are asked for."""

    def __init__(self, indices: list[int], longest: int) -> None:
        self.indices, self.longest = np.array(indices), longest

    def __len__(self) -> int:
        return len(self.indices)

    def inputs(self) -> int:
        return self.longest


def test_sequences_of_folds_may_differ_in_length(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = SimpleNamespace(target=Target("classes", "step"))
    data = SimpleNamespace(outputs=outputs)
    folds: Any = [
        SimpleNamespace(held_out=Rows([0, 2], 5), data=data),
        SimpleNamespace(held_out=Rows([1, 3], 3), data=data),
    ]
    monkeypatch.setattr(
        members, "outputs_of", lambda model, longest: np.full((2, longest, 4), model)
    )
    pool: Any = Rows([0, 1, 2, 3], 5)
    held_out: Any = members._held_out(None, folds, [1.0, 2.0], pool)  # type: ignore[arg-type]
    assert held_out.shape == (4, 5, 4) and held_out.dtype == np.float32
    np.testing.assert_array_equal(held_out[:, 0, 0], [1, 2, 1, 2])
    np.testing.assert_array_equal(held_out[1, :, 0], [2, 2, 2, 0, 0])


def test_a_run_without_a_test_split_needs_folds() -> None:
    with pytest.raises(UsageError, match="leave no test split to score on"):
        merge({**TABLE, "fractions": "80/20/0"})


def test_folds_and_ensembles_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="folds and ensemble exclude each other"):
        merge({**TABLE, "folds": 3, "ensemble": 2})


def test_members_that_diverge_leave_no_untrained_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*given: Any, **named: Any) -> None:
        raise DivergedError("the loss is nan", {"kept_epoch": 1})

    monkeypatch.setattr(members, "fit_members", diverge)
    given = {**TABLE, "set": SMALL, "ensemble": 2, "out": str(tmp_path), "name": "run", **LEAN}
    with pytest.raises(DivergedError, match="the loss is nan; no weights are kept"):
        train_merged(merge(given))
    assert not list(tmp_path.rglob("model.keras"))
