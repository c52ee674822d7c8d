"""Evaluation of one part: what it reads, what it says, what it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mlzoo.core.errors import DataError, DivergedError, UsageError
from mlzoo.data import samples as data_samples
from mlzoo.data.contracts import task
from mlzoo.data.samples import Data, Part
from mlzoo.evaluating.evaluate import evaluate, summarize_repeats, write_predictions
from mlzoo.statistics.verdicts import (
    best_baseline,
    short_verdict,
    verdict_of,
    verdict_sentence,
)
from tests.evaluating.made import make_data
from tests.scored import class_scorers


def ring(samples: int = 500) -> Data:
    """Two classes, inside and outside of a circle, hidden among columns of noise."""
    inputs = np.random.default_rng(0).normal(size=(samples, 20)).astype("float32")
    return make_data(inputs, ((inputs[:, :2] ** 2).sum(axis=1) < 1.4).astype("int32"))


def inside(inputs: np.ndarray) -> np.ndarray:
    """A sigmoid output of the ring's truth."""
    return 1 / (1 + np.exp((inputs[:, :2] ** 2).sum(axis=1, keepdims=True).astype(float) - 1.4))


def test_a_model_that_knows_beats_the_baselines() -> None:
    data = ring()
    result, outcome = evaluate(inside, data)
    json.dumps(result, allow_nan=False)
    assert result["part"] == "test"
    assert result["samples"] == result["units"] == 100
    assert result["interval_unit"] == "samples"
    assert result["metrics"]["accuracy"] == 1
    assert result["metrics"]["roc_auc"] == 1
    assert result["intervals"]["accuracy"] == pytest.approx([0.025**0.01, 1])
    assert result["verdict"] == "better"
    assert (result["headline"], result["gain"]["metric"]) == ("accuracy", "accuracy")
    gain = result["gain"]
    assert list(result["baselines"]) == ["majority", "boosting", "forest", "linear"]
    baseline = result["baselines"][gain["baseline"]]["accuracy"]
    valid = evaluate(inside, data, "valid")[0]
    best = max(valid["baselines"], key=lambda name: valid["baselines"][name]["accuracy"])
    assert (gain["baseline"], gain["chosen_on"]) == (best, "valid")
    assert valid["gain"]["chosen_on"] == "scored"
    assert gain["value"] == pytest.approx(1 - baseline)
    assert gain["interval"][0] > 0
    np.testing.assert_array_equal(outcome.indices, data.test.indices)
    np.testing.assert_array_equal(outcome.targets, data.test.targets)
    np.testing.assert_allclose(outcome.outputs.sum(axis=1), 1)


def test_a_model_that_guesses_does_not() -> None:
    result, _ = evaluate(lambda x: np.full((len(x), 1), 0.3), ring())
    assert result["verdict"] == "worse"
    rng = np.random.default_rng(1)
    noise = make_data(rng.normal(size=(500, 2)), rng.integers(2, size=500).astype("int32"))
    result, _ = evaluate(lambda x: np.full((len(x), 1), 0.3), noise)
    assert result["verdict"] == "not distinguishable"


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ("none", []),
        ("fast", ["majority", "boosting", "forest", "linear"]),
        ("all", ["majority", "boosting", "forest", "linear", "naive_bayes", "neighbors"]),
    ],
)
def test_baselines_can_be_chosen(which: str, names: list[str]) -> None:
    result, _ = evaluate(inside, ring(), baselines=which)
    assert list(result["baselines"]) == names
    assert (result["gain"] is None) == (result["verdict"] is None) == (not names)


def test_less_is_better_for_rmse() -> None:
    inputs = np.random.default_rng(0).normal(size=(400, 1))
    data = make_data(inputs, np.sin(40 * inputs[:, 0]).astype("float32"))
    good, outcome = evaluate(lambda x: np.sin(40 * x), data)
    assert good["gain"]["metric"] == "rmse"
    assert good["gain"]["value"] > 0
    assert good["verdict"] == "better"
    assert outcome.outputs.shape == outcome.targets.shape == (80,)
    bad, _ = evaluate(lambda x: np.sin(40 * x) + 50, data)
    assert bad["gain"]["value"] < 0
    assert bad["verdict"] == "worse"


def test_of_baselines_that_tie_the_one_that_is_better_in_other_metrics_counts() -> None:
    y_true = (np.arange(60) >= 54).astype(int)
    chances = {"majority": np.full(60, 0.1), "linear": 0.1 + 0.2 * y_true}
    chances |= {"same": chances["linear"], "worse": 0.3 - 0.2 * y_true}
    theirs = {
        name: class_scorers(y_true, np.stack([1 - chance, chance], axis=1))
        for name, chance in chances.items()
    }
    whole = np.ones((1, 60))
    assert {float(each["balanced_accuracy"](whole)[0]) for each in theirs.values()} == {0.5}
    assert best_baseline(theirs, "balanced_accuracy", 60) == "linear"
    one = {name: {"accuracy": each["accuracy"]} for name, each in theirs.items()}
    assert best_baseline(one, "accuracy", 60) == "majority", "the first where nothing else tells"
    assert best_baseline({}, "accuracy", 60) is None


def test_scores_against_baselines_of_few_groups_are_no_verdict() -> None:
    data = ring()
    grouped = replace(data.samples, groups=np.arange(500) // 250)
    parts = {name: Part(grouped, part.indices) for name, part in data.parts().items()}
    result, _ = evaluate(inside, replace(data, samples=grouped, **parts))
    assert (result["units"], result["verdict"]) == (2, "no verdict")
    assert verdict_sentence(result).startswith("no verdict: only 2 groups in the test split")
    old = {name: value for name, value in result.items() if name != "verdict"}
    assert verdict_of(old | {"better_than_baseline": True}) == "no verdict"


def test_the_verdict_stands_beside_its_numbers_and_what_bounds_the_baseline() -> None:
    inputs = np.random.default_rng(0).normal(size=(400, 1))
    data = make_data(inputs, inputs[:, 0].astype("float32"))
    result, _ = evaluate(lambda x: x + np.sign(x), data)
    note = "fitted on 5,000 of 6,710 training samples"
    result["baselines"]["linear"]["note"] = note
    assert re.fullmatch(
        r"clearly worse than the linear baseline in RMSE: -\S+ \(99 % interval -\S+ to -\S+ over "
        rf"80 samples; above 0 is better\); the linear baseline: {note}",
        verdict_sentence(result),
    )
    assert short_verdict(result) == "clearly worse than linear"
    older = {name: value for name, value in result.items() if name != "verdict"}
    assert verdict_of({**older, "better_than_baseline": False}) == "worse"
    assert verdict_of({"samples": 3}) is None and verdict_sentence({"samples": 3}) == ""
    gain = {"baseline": "forest", "metric": "accuracy", "value": 0.0, "interval": [0.0, 0.0]}
    same = {"samples": 12, "gain": gain, "verdict": "not distinguishable"}
    expected = "not distinguishable from the forest baseline in accuracy: equal on all 12 samples"
    assert verdict_sentence(same) == expected, "no interval of width 0 is told"
    assert short_verdict({**result, "verdict": "no verdict"}) == "no verdict"


def test_imbalanced_classes_decide_the_metric_of_the_verdict() -> None:
    """A model that names the common class alone is as accurate as the majority, and no better."""
    rng = np.random.default_rng(1)
    targets = (np.arange(1000) % 20 == 0).astype("int32")
    data = make_data(rng.normal(size=(1000, 1)) + 4 * targets[:, None], targets)
    result, _ = evaluate(lambda x: 0.01 + 0.001 * (x > 2), data)
    assert result["headline"] == result["gain"]["metric"] == "balanced_accuracy"
    assert result["gain"]["baseline"] != "majority" and result["verdict"] == "worse"
    assert result["metrics"]["accuracy"] > 0.9
    assert result["metrics"]["average_precision"] > 0.5, "of the rare class, which is ordered well"
    flipped = make_data(data.samples.inputs, 1 - targets)
    again, _ = evaluate(lambda x: 1 - (0.01 + 0.001 * (x > 2)), flipped)
    ours, theirs = (r["metrics"]["average_precision"] for r in (result, again))
    assert ours == pytest.approx(theirs)
    recalls = {row["class"]: row["recall"] for row in result["baselines"]["linear"]["per_class"]}
    assert recalls["c1"] > 0.5


def test_groups_are_drawn_whole() -> None:
    data = ring()
    groups = np.array([f"g{i // 5}" for i in range(500)])
    grouped = replace(data.samples, groups=groups)
    parts = {name: Part(grouped, part.indices) for name, part in data.parts().items()}
    result, _ = evaluate(inside, replace(data, samples=grouped, **parts))
    assert result["interval_unit"] == "groups"
    assert result["units"] == len(set(groups[data.test.indices]))


def test_chunks_do_not_move_the_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ring()
    whole, _ = evaluate(inside, data)
    monkeypatch.setattr(data_samples, "_CHUNK_BYTES", 7 * 20 * 4)
    sizes = []

    def predict(inputs: np.ndarray) -> np.ndarray:
        sizes.append(len(inputs))
        return inside(inputs)

    chunked, _ = evaluate(predict, data)
    assert chunked == whole
    assert max(sizes) == 7 and sum(sizes) == 100


def test_without_baselines_the_training_part_is_not_read() -> None:
    data = ring()
    data.samples.inputs[data.train.indices] = np.nan  # type: ignore[index]
    result, _ = evaluate(inside, data, baselines="none")
    assert result["baselines"] == {}
    assert result["gain"] is result["verdict"] is None


def test_other_parts_and_empty_ones() -> None:
    data = ring()
    assert evaluate(inside, data, "valid", baselines="none")[0]["samples"] == 100
    empty = replace(data, valid=Part(data.samples, np.array([], int)))
    with pytest.raises(DataError, match="the valid split is empty"):
        evaluate(inside, empty, "valid")


def test_nan_outputs_are_refused() -> None:
    def predict(inputs: np.ndarray) -> np.ndarray:
        outputs = inside(inputs)
        outputs[:3] = np.nan
        return outputs

    with pytest.raises(DivergedError, match="for 3 of the 100 samples of the test split"):
        evaluate(predict, ring())


def test_repeats_by_hand() -> None:
    runs = [
        {"accuracy": a, "roc_auc": r, "confusion": [[1]]}
        for a, r in ((0.8, 0.9), (0.9, None), (0.7, 0.8))
    ]
    found = summarize_repeats(runs)
    assert set(found) == {"accuracy"}
    summary = found["accuracy"]
    assert summary["mean"] == pytest.approx(0.8)
    assert summary["std"] == pytest.approx(0.1)
    assert (summary["min"], summary["max"], summary["values"]) == (0.7, 0.9, [0.8, 0.9, 0.7])
    half = stats.t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert summary["interval"] == pytest.approx([0.8 - half, 1])  # cut: accuracy ends at 1
    rmse = summarize_repeats([{"rmse": 10.0}, {"rmse": 12.0}])["rmse"]
    assert rmse["interval"] == pytest.approx([0, 11 + stats.t.ppf(0.975, 1)])  # std / sqrt(2) is 1
    shared = summarize_repeats([{"rmse": 10.0}, {"rmse": 12.0}], held_out=0.5)["rmse"]
    assert shared["interval"] == pytest.approx([0, 11 + stats.t.ppf(0.975, 1) * 2**0.5])
    once = summarize_repeats([{"accuracy": 0.5}])["accuracy"]
    assert once["std"] is once["interval"] is None
    assert summarize_repeats([]) == {}


def test_predictions_go_through_a_file(tmp_path: Path) -> None:
    data = ring()
    samples = replace(data.samples, groups=np.arange(500) // 5, class_names=("in|side", "a,b"))
    _, outcome = evaluate(inside, data, baselines="none")
    write_predictions(tmp_path / "p.csv", outcome, samples)
    header = (tmp_path / "p.csv").read_text().splitlines()[0]
    assert header == 'index,name,group,target,prediction,p_in|side,"p_a,b"'
    found = task("classification").read_predictions(tmp_path / "p.csv")
    np.testing.assert_array_equal(found.indices, outcome.indices)
    np.testing.assert_array_equal(found.groups, [str(i // 5) for i in outcome.indices])
    names = np.array(samples.class_names)
    np.testing.assert_array_equal(found.targets[:, 0], names[outcome.targets])
    np.testing.assert_array_equal(found.predictions[:, 0], names[outcome.outputs.argmax(axis=1)])


def test_numbers_keep_all_their_digits(tmp_path: Path) -> None:
    targets = np.random.default_rng(0).normal(size=(50, 2)).astype("float32")
    data = make_data(np.ones((50, 1)), targets, target_names=("a", "b"))
    _, outcome = evaluate(lambda x: np.full((len(x), 2), 1 / 3), data, baselines="none")
    write_predictions(tmp_path / "p.csv", outcome, data.samples)
    found = task("regression").read_predictions(tmp_path / "p.csv")
    np.testing.assert_array_equal(found.targets.astype(float), outcome.targets)
    np.testing.assert_array_equal(found.predictions.astype(float), outcome.outputs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.csv is empty"),
        ("index,target\n1,a\n", "holds no predictions"),
        ("index,target,prediction\n", "holds no predictions"),
        ("index,target,prediction\n1,a\n", "p.csv is damaged: row 1 has 2 of 3 values"),
        ("index,target,prediction\nx,a,b\n", "invalid literal"),
        ("index,target,prediction\n1,a,b\n1,a,b\n", "holds an index twice"),
    ],
)
def test_broken_prediction_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises((DataError, UsageError), match=message):
        task("regression").read_predictions(tmp_path / "p.csv")
