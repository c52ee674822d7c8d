"""Scores against scikit-learn and by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from mlzoo.core import registry
from mlzoo.data.contracts import task
from mlzoo.statistics import metrics
from mlzoo.tasks._samples import sample_task
from tests.scored import classification, regression


def predictions(classes: int, samples: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(classes, size=samples)
    scores = rng.random((samples, classes)) + np.eye(classes)[targets] * rng.random((samples, 1))
    scores = np.round(scores, 1) + 1e-3  # ties
    return targets, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_classification_agrees_with_scikit_learn(classes: int) -> None:
    targets, probabilities = predictions(classes)
    names = [f"c{i}" for i in range(classes)]
    found = classification(targets, probabilities, names)
    chosen = probabilities.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(targets, chosen))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(targets, chosen))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(targets, chosen, average="macro"))
    assert found["log_loss"] == pytest.approx(sk.log_loss(targets, probabilities))
    assert found["confusion"] == sk.confusion_matrix(targets, chosen).tolist()
    precision, recall, f1, support = sk.precision_recall_fscore_support(targets, chosen)
    for i, row in enumerate(found["per_class"]):
        assert row["class"] == names[i]
        assert row["precision"] == pytest.approx(precision[i])
        assert row["recall"] == pytest.approx(recall[i])
        assert row["f1"] == pytest.approx(f1[i])
        assert row["support"] == support[i]
    if classes == 2:
        assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(targets, probabilities[:, 1]))
    else:
        assert "roc_auc" not in found
    json.dumps(found, allow_nan=False)


def test_macro_f1_counts_a_class_that_is_only_predicted() -> None:
    targets, chosen = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    found = classification(targets, np.eye(4)[chosen], "abcd")
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)  # d neither occurs nor is said
    assert found["balanced_accuracy"] == pytest.approx((0.5 + 1) / 2)
    assert found["per_class"][3] == {
        "class": "d",
        "precision": None,
        "recall": None,
        "f1": None,
        "support": 0,
    }


def test_a_class_that_is_never_predicted_has_no_precision_and_counts() -> None:
    targets = np.array([0] * 9 + [1])
    found = classification(targets, np.tile([0.9, 0.1], (10, 1)), ["a", "b"])
    assert [row["precision"] for row in found["per_class"]] == [0.9, 0]
    assert metrics.never_predicted(found) == ["b"]
    assert metrics.never_predicted({"rmse": 1.0}) == []
    assert metrics.missed_class(found) == found["per_class"][1]


@pytest.mark.parametrize("positive", [0, 1])
def test_average_precision_agrees_with_scikit_learn(positive: int) -> None:
    targets, probabilities = predictions(2)
    found = classification(targets, probabilities, "ab", positive)["average_precision"]
    expected = sk.average_precision_score(targets == positive, probabilities[:, positive])
    assert found == pytest.approx(expected)
    absent = np.full(len(targets), 1 - positive)
    assert classification(absent, probabilities, "ab", positive)["average_precision"] is None


def test_imbalanced_classes_are_judged_by_balanced_accuracy() -> None:
    classes = task("classification")
    assert classes.judged_by([81, 19]).name == "balanced_accuracy"
    assert classes.judged_by([80, 20]).name == "accuracy"
    assert classes.judged_by([90, 5, 5]).name == "balanced_accuracy"
    for name in registry.names("task"):
        assert task(name).judged_by() == task(name).headline
        if name != "classification":
            assert task(name).judged_by([99, 1]) == task(name).headline
    assert [metrics.rarer(counts) for counts in ([9, 1], [1, 9], [5, 5], [])] == [1, 0, 1, 1]


def test_one_class_in_the_part() -> None:
    found = classification(np.zeros(3, int), np.array([[0.9, 0.1]] * 3), ["a", "b"])
    assert found["accuracy"] == found["balanced_accuracy"] == found["macro_f1"] == 1
    assert found["roc_auc"] is None
    assert found["per_class"][1]["recall"] is None


def test_a_single_sample() -> None:
    found = classification(np.array([1]), np.array([[0.25, 0.75]]), ["a", "b"])
    assert found["accuracy"] == 1
    assert found["log_loss"] == pytest.approx(-np.log(0.75))
    found = regression(np.array([1.0]), np.array([3.0]), ["y"])
    assert (found["rmse"], found["mae"], found["r2"]) == (2, 2, None)
    json.dumps(found, allow_nan=False)


def test_a_sure_mistake_has_a_finite_loss() -> None:
    found = classification(np.array([1]), np.array([[1.0, 0.0]]), ["a", "b"])
    assert found["log_loss"] == pytest.approx(-np.log(1e-7))


def test_probabilities_of_the_wrong_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) for 2 samples of 2 classes"):
        classification(np.array([0, 1]), np.eye(3)[:2], ["a", "b"])


def test_sigmoid_outputs_become_two_columns() -> None:
    found = metrics.as_probabilities(np.array([[0.25], [1.0]], "float32"))
    np.testing.assert_array_equal(found, [[0.75, 0.25], [0, 1]])
    assert found.dtype == "float64"
    softmax = np.array([[0.2, 0.8]])
    np.testing.assert_array_equal(metrics.as_probabilities(softmax), softmax)


def test_regression_by_hand() -> None:
    targets, said = np.array([1.0, 2.0, 3.0, 7.0]), np.array([1.0, 2.0, 5.0, 4.0])
    found = regression(targets, said, ["y"])
    assert found["r2"] == pytest.approx(1 - 13 / 20.75)  # SSE 4 + 9, mean 3.25
    assert found["rmse"] == pytest.approx(3.25**0.5)
    assert found["mae"] == 1.25
    residuals = found["residuals"]
    assert (residuals["mean"], residuals["min"], residuals["max"]) == (0.25, -2, 3)
    assert residuals["std"] == pytest.approx((3.25 - 0.25**2) ** 0.5)
    assert residuals["quantiles"]["0.5"] == 0
    assert "per_target" not in found


@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_regression_agrees_with_scikit_learn(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    targets = rng.normal(size=shape).astype("float32") * 5 + 1000
    said = targets + rng.normal(size=shape)
    names = ["a", "b", "c"][: 1 if len(shape) == 1 else 3]
    found = regression(targets, said, names)
    assert found["r2"] == pytest.approx(sk.r2_score(targets, said))
    assert found["rmse"] == pytest.approx(sk.mean_squared_error(targets, said) ** 0.5)
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(targets, said))
    if len(shape) == 2:
        assert [row["target"] for row in found["per_target"]] == names
        expected = sk.r2_score(targets, said, multioutput="raw_values")
        assert [row["r2"] for row in found["per_target"]] == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8])
def test_r2_is_undefined_where_targets_do_not_vary(value: float) -> None:
    found = regression(np.full(7, value), np.arange(7.0), ["y"])
    assert found["r2"] is None
    assert found["rmse"] is not None


@pytest.mark.parametrize("name", ["classification", "regression"])
def test_weights_mean_repeated_samples(name: str) -> None:
    """A weight of 3 scores as three copies of the sample do; 0 as its absence."""
    rng = np.random.default_rng(2)
    weights = rng.integers(0, 4, size=60)
    if name == "classification":
        targets, outputs = predictions(2, 60)
    else:
        targets = rng.normal(size=60)
        outputs = targets + rng.normal(size=60)
    copies = np.repeat(np.arange(60), weights)
    of = sample_task(name)
    expected = of.scores(targets[copies], outputs[copies])
    for metric, scorer in of.scorers(targets, outputs).items():
        if metric == "calibration_error":
            continue  # its bins hold equal shares of the samples, which repeating some moves
        assert scorer(weights[None].astype(float))[0] == pytest.approx(expected[metric]), metric
