"""Several labels a sample: cells and columns, thresholds, scores, strata, and a whole run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk

from mlzoo import load, train
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.splits.allocation import label_set_strata, stratified
from mlzoo.data.tables.label_sets import encode_as, joined, label_sets
from mlzoo.data.tables.labels import label
from mlzoo.evaluating.evaluate import evaluate
from mlzoo.statistics.calibration.thresholds import choose_thresholds
from mlzoo.tasks._samples import sample_task
from tests.evaluating.made import make_data
from tests.once import once

RNG = np.random.default_rng(0)
Y_TRUE = (RNG.random((90, 3)) < [0.5, 0.2, 0.7]).astype("float32")
Y_PRED = np.clip(np.round(Y_TRUE * 0.3 + RNG.random((90, 3)) * 0.7, 1), 0, 1)
NAMES = ("a", "b", "c")


# -- Label sets


def test_cells_name_labels_and_an_empty_one_none() -> None:
    names, matrix = label_sets(np.array(["dog|cat", "", " cat | cat ", "dog"]), "target")
    assert names == ("cat", "dog")
    assert matrix.tolist() == [[1, 1], [0, 0], [1, 0], [0, 1]]
    assert joined(matrix, names) == ["cat|dog", "", "cat", "dog"]
    with pytest.raises(DataError, match="target holds 1 label .cat.; at least two are needed"):
        label_sets(np.array(["cat", "cat|cat"]), "target")


def test_what_looks_like_labels_is_taken_for_them() -> None:
    assert label(np.array(["a|b", "a", "b"]), None).task == "multilabel"
    assert label(np.array(["a|b", "a", "b"]), "classification").class_names == ("a", "a|b", "b")
    columns = np.array([[0, 1], [1, 1], [0, 0]])
    found = label(columns, None, columns=("x", "y"))
    assert (found.task, found.class_names) == ("multilabel", ("x", "y"))
    one_hot = label(np.eye(3)[[0, 2, 1]], None, columns=("x", "y", "z"))
    assert (one_hot.task, one_hot.class_names) == ("classification", ("x", "y", "z"))
    assert one_hot.values.tolist() == [0, 2, 1]
    assert label(np.array([[0, 2.0], [1, 1]]), None).task == "regression"
    with pytest.raises(DataError, match="a column of zeros and ones each.*2"):
        label(np.array([[0, 2], [1, 1]]), "multilabel")


def test_new_labels_must_be_known() -> None:
    known = encode_as(np.array(["b|a", ""]), NAMES, "new.csv")
    assert known.tolist() == [[1, 1, 0], [0, 0, 0]]
    with pytest.raises(DataError, match="new.csv: label 'd' is unknown to the model"):
        encode_as(np.array(["a|d"]), NAMES, "new.csv")
    with pytest.raises(DataError, match="zeros and ones of the 3 labels"):
        encode_as(np.array([[0, 1]]), NAMES, "new.csv")


# -- Scores


def _scores(weights: np.ndarray) -> dict[str, float]:
    predictions = np.stack([Y_PRED, Y_PRED >= 0.5], axis=1)
    scorers = sample_task("multilabel").scorers(Y_TRUE, predictions)
    return {name: float(scorer(weights[None])[0]) for name, scorer in scorers.items()}


@pytest.mark.parametrize("weights", [np.ones(90), RNG.integers(0, 4, 90).astype(float)])
def test_scores_agree_with_scikit_learn(weights: np.ndarray) -> None:
    chosen, given = Y_PRED >= 0.5, {"sample_weight": weights}
    assert _scores(weights) == pytest.approx(
        {
            "mean_average_precision": sk.average_precision_score(Y_TRUE, Y_PRED, **given),
            "mean_roc_auc": sk.roc_auc_score(Y_TRUE, Y_PRED, **given),
            "macro_f1": sk.f1_score(Y_TRUE, chosen, average="macro", **given),
            "micro_f1": sk.f1_score(Y_TRUE, chosen, average="micro", **given),
            "exact_match": sk.accuracy_score(Y_TRUE, chosen, **given),
            "label_accuracy": 1 - sk.hamming_loss(Y_TRUE, chosen, **given),
        }
    )


def test_no_other_threshold_has_a_better_f1() -> None:
    thresholds = choose_thresholds(Y_TRUE, Y_PRED)
    for true, probabilities, threshold in zip(Y_TRUE.T, Y_PRED.T, thresholds, strict=True):
        best = max(sk.f1_score(true, probabilities >= t) for t in np.linspace(0, 1, 201))
        assert sk.f1_score(true, probabilities >= threshold) == pytest.approx(best)
        assert threshold not in probabilities
    assert choose_thresholds(np.zeros((4, 1)), np.ones((4, 1))).tolist() == [0.5]


def test_thresholds_are_chosen_on_the_validation_split_or_kept() -> None:
    data = make_data(Y_PRED, Y_TRUE, task="multilabel", class_names=NAMES)
    result, outcome = evaluate(lambda x: x, data, baselines="fast")
    metrics = result["metrics"]
    expected = choose_thresholds(data.valid.targets, data.valid.inputs())
    assert [row["threshold"] for row in metrics["per_label"]] == pytest.approx(expected.tolist())
    chosen = data.test.inputs() >= expected
    f1 = sk.f1_score(data.test.targets, chosen, average=None)
    assert [row["f1"] for row in metrics["per_label"]] == pytest.approx(f1.tolist())
    np.testing.assert_array_equal(outcome.outputs[:, 1], chosen)  # type: ignore[attr-defined]
    assert metrics["together"] == (data.test.targets.T @ data.test.targets).tolist()
    assert set(result["baselines"]) == {"prevalence", "boosting", "forest", "linear"}
    shares = data.test.targets.mean(axis=0)
    prevalence = result["baselines"]["prevalence"]["mean_average_precision"]
    assert prevalence == pytest.approx(shares.mean())
    trained = {"per_label": [{"threshold": t} for t in (0.1, 0.9, 0.4)]}
    _, kept = evaluate(lambda x: x, data, baselines="none", trained=trained)
    np.testing.assert_array_equal(
        kept.outputs[:, 1],  # type: ignore[attr-defined]
        data.test.inputs() >= [0.1, 0.9, 0.4],
    )


# -- Splits


def test_label_sets_and_rare_labels_are_in_every_split_in_proportion() -> None:
    rng = np.random.default_rng(4)
    labels = rng.random((600, 6)) < [0.5, 0.4, 0.3, 0.2, 0.1, 0.02]
    strata = label_set_strata(labels.astype("float32"))
    parts = stratified(strata, np.ones(600, int), (0.6, 0.2, 0.2), rng)
    assert np.bincount(parts).tolist() == [360, 120, 120]
    shares = np.stack([labels[parts == part].mean(axis=0) for part in range(3)])
    assert np.abs(shares - labels.mean(axis=0)).max() < 0.025
    assert all(labels[parts == part, 5].any() for part in range(3))


# -- A whole run


def _table(folder: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3))
    has = x + 0.2 * rng.normal(size=x.shape) > [0.0, 0.5, -0.5]
    header = ["u", "v", "w", "tags"]
    rows = [[*row, "|".join(np.array(NAMES)[h])] for row, h in zip(x, has, strict=True)]
    with (folder / "tags.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    with (folder / "columns.csv").open("w", newline="") as file:
        whole = [[*row, *h.astype(int)] for row, h in zip(x, has, strict=True)]
        csv.writer(file).writerows([[*header[:3], *NAMES], *whole])
    train(
        "linear", str(folder / "tags.csv"), epochs=15, baselines="none", name="run", out=str(folder)
    )


@pytest.fixture(scope="module")
def folder() -> Path:
    return once("multilabel", _table)


def test_a_run_is_judged_by_mean_average_precision(folder: Path) -> None:
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics["task"] == "multilabel"
    assert metrics["headline"]["name"] == "mean_average_precision"
    assert metrics["headline"]["value"] > 0.95
    saved = sample_task("multilabel").read_predictions(folder / "run" / "predictions.csv")
    for metric in ("mean_average_precision", "macro_f1", "exact_match"):
        again = saved.scorer(metric)(np.ones((1, len(saved.indices))))[0]
        assert again == pytest.approx(metrics["test"]["metrics"][metric])
    record = json.loads((folder / "run" / "data.json").read_text())
    assert record["class_names"] == ["a", "b", "c"]
    assert "rows without a label" in " ".join(record["notes"])
    report = (folder / "run" / "report.html").read_text()
    assert "By label" in report and "labels that" not in (folder / "run" / "README.md").read_text()
    assert (folder / "run" / "plots" / "label_cooccurrence.png").is_file()


def test_predictions_are_label_sets_by_the_thresholds_of_the_run(folder: Path) -> None:
    run = load(folder / "run")
    rows = run.metrics["test"]["metrics"]["per_label"]
    thresholds = np.array([row["threshold"] for row in rows])
    new = np.array([[3, 3, 3], [-3, -3, -3], [3, -3, 3]], "float32")
    predicted = run.predict(new)
    assert predicted.labels == [["a", "b", "c"], [], ["a", "c"]]
    np.testing.assert_array_equal(
        [[name in labels for name in NAMES] for labels in predicted.labels],
        predicted.probabilities >= thresholds,
    )


def test_own_and_new_data_are_scored_by_these_thresholds(folder: Path) -> None:
    run = load(folder / "run")
    kept = run.metrics["test"]["metrics"]
    own = run.evaluate()["metrics"]
    new = run.evaluate(str(folder / "tags.csv"))["metrics"]
    assert own["macro_f1"] == pytest.approx(kept["macro_f1"])
    assert own["per_label"] == kept["per_label"]
    thresholds = [[row["threshold"] for row in each["per_label"]] for each in (kept, new)]
    assert thresholds[0] == thresholds[1]


def test_columns_of_zeros_and_ones_are_the_same_labels(folder: Path) -> None:
    from mlzoo.core.configs import RunConfig
    from mlzoo.data.loading import read

    cells = read(RunConfig(model="linear", data=str(folder / "tags.csv")))
    columns = read(RunConfig(model="linear", data=str(folder / "columns.csv"), target="a,b,c"))
    assert columns.task == cells.task == "multilabel"
    assert columns.class_names == cells.class_names
    np.testing.assert_array_equal(columns.labels, cells.labels)
    np.testing.assert_array_equal(columns.inputs[:], cells.inputs[:])
    with pytest.raises(UsageError, match="--drop: 'b' is the target"):
        read(
            RunConfig(model="linear", data=str(folder / "columns.csv"), target="a,b,c", drop=["b"])
        )


def test_one_label_is_explained_at_a_time(folder: Path) -> None:
    run = load(folder / "run")
    found = run.explain(np.eye(3, dtype="float32"), method="saliency", target="b", evidence=False)
    shown = found.explained.explanations
    assert [each.target for each in shown] == ["b"] * 3
    assert shown[0].values.argmax() == 1  # column v, which decides on b
    with pytest.raises(UsageError, match="--target true: a sample may have several labels"):
        run.explain(np.eye(3, dtype="float32"), method="saliency", target="true")
