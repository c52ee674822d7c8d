"""Costs of mistakes choose the operating point of a run, which predictions and scores use."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import mlzoo
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.exporting.export import _output
from mlzoo.runs.config_loading import merge
from mlzoo.training.calibration.decisions import cost_matrix
from tests.training import made

TRAINING = {"preset": "none", "baselines": "none", "epochs": 30}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cracks are rarer than what is intact, and both overlap."""
    rng = np.random.default_rng(0)
    crack = rng.uniform(size=600) < 0.25
    x = rng.normal(size=(600, 2)) + 1.2 * crack[:, None]
    path = tmp_path_factory.mktemp("costs") / "cracks.csv"
    rows = [f"{a:.4f},{b:.4f},{'crack' if c else 'ok'}" for (a, b), c in zip(x, crack, strict=True)]
    path.write_text("\n".join(["a,b,y", *rows]) + "\n")
    return path


def test_two_classes_are_decided_by_a_threshold_that_is_kept(table: Path) -> None:
    run = mlzoo.train("linear", str(table), cost=10, out=str(table.parent), **TRAINING)
    kept = files.read_json(run.path / "decision.json")
    assert (kept["positive"], kept["chosen_on"], kept["samples"]) == ("crack", "valid", 120)
    assert kept["costs"] == {"crack": {"crack": 0, "ok": 10}, "ok": {"crack": 1, "ok": 0}}
    assert 0 < kept["threshold"] < 0.3

    x = run.own_data().test.inputs()
    predictions = run.predict(x)
    cracks = predictions.probabilities[:, 0] >= kept["threshold"]
    assert [label == "crack" for label in predictions.labels] == cracks.tolist()
    assert cracks.sum() > (predictions.probabilities[:, 0] >= 0.5).sum()

    with (run.path / "predictions.csv").open() as file:
        saved = list(csv.DictReader(file))
    true = np.array([row["target"] == "crack" for row in saved])
    p = np.array([float(row["p_crack"]) for row in saved])
    scored = run.metrics["decision"]
    for name, decided in (("cost", p >= kept["threshold"]), ("default", p >= 0.5)):
        expected = (10 * (true & ~decided) + (~true & decided)).mean()
        assert scored[name]["value"] == pytest.approx(expected)
        low, high = scored[name]["interval"]
        assert low < expected < high
    assert scored["saved"]["value"] > 0 and np.sum(scored["confusion"]) == len(true)
    assert run.evaluate()["decision"]["cost"] == scored["cost"]
    assert _output(run)["decision"] == kept
    assert {"costs.png", "precision_recall.png"} <= {p.name for p in run.path.glob("plots/*")}
    card = (run.path / "README.md").read_text()
    assert "Crack is decided for from a probability of" in card and "Decisions cost" in card


def test_a_file_gives_costs_of_more_classes_and_folds_choose_out_of_fold(tmp_path: Path) -> None:
    names = ["class_0", "class_1", "class_2"]
    costs = {t: {p: 50.0 for p in names if p != t} if t == names[1] else {} for t in names}
    costs |= {t: {p: 1.0 for p in names if p != t} for t in (names[0], names[2])}
    (tmp_path / "costs.yaml").write_text(yaml.safe_dump(costs))
    run = mlzoo.train(
        "linear", "wine", cost=str(tmp_path / "costs.yaml"), folds=2, out=str(tmp_path), **TRAINING
    )
    kept = files.read_json(run.path / "decision.json")
    assert (kept["rule"], kept["threshold"], kept["chosen_on"]) == (
        "expected cost",
        None,
        "out_of_fold",
    )
    unsure = run.predict(np.full((1, 13), 1e3))
    p = unsure.probabilities[0]
    expected = [sum(p[t] * (50 if t == 1 else 1) for t in range(3) if t != k) for k in range(3)]
    assert unsure.labels == [names[int(np.argmin(expected))]]
    assert not (run.path / "plots" / "costs.png").exists()


def test_costs_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    samples = replace(made.data(n=40).samples, class_names=("a", "b"), task="classification")
    path = tmp_path / "costs.yaml"
    for text, message in (
        ("a: {b: 1}\nb: {c: 1}", r"'c'.*true 'b' predicted as 'a' has no cost"),
        ("a: {b: -1}\nb: {a: 1}", "must be a number from 0 on, got -1"),
        ("a: {a: 3, b: 1}\nb: {a: 1}", "must cost at least as much as the right decision"),
        ("a: 1", "expected lines `true class: {predicted class: cost, ...}`"),
    ):
        path.write_text(text)
        with pytest.raises(UsageError, match=f"(?s){message}"):
            cost_matrix(str(path), samples)
    three = replace(samples, class_names=("a", "b", "c"))
    with pytest.raises(UsageError, match="a ratio is for two classes, and there are 3"):
        cost_matrix("5", three)
    with pytest.raises(UsageError, match="--cost nowhere: write a ratio"):
        cost_matrix("nowhere", samples)
    with pytest.raises(UsageError, match="--cost: write a ratio above 0"):
        merge({"model": "mlp", "data": "iris", "cost": -1})
