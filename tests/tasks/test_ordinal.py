"""Ordered classes: the cumulative head, quadratic kappa, the order, and a whole run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import logistic

from mlzoo import train
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.tables.labels import label, ordered
from mlzoo.layers.cumulative import CumulativeProbabilities
from mlzoo.tasks._samples import sample_task


def test_probabilities_are_those_of_proportional_odds() -> None:
    layer = CumulativeProbabilities(4)
    layer.build((None, 1))
    layer.first.assign([-1.0])
    layer.gaps.assign(np.log(np.expm1([0.5, 2.0])))
    score = np.array([[-3.0], [0.0], [0.7], [5.0]], "float32")
    below = logistic.cdf(np.array([-1.0, -0.5, 1.5]) - score)
    expected = np.diff(np.hstack([np.zeros((4, 1)), below, np.ones((4, 1))]))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(score)), expected, atol=1e-6)


def test_at_first_all_classes_are_equally_likely() -> None:
    for classes in (2, 3, 7):
        found = keras.ops.convert_to_numpy(CumulativeProbabilities(classes)(np.zeros((1, 1))))
        np.testing.assert_allclose(found, np.full((1, classes), 1 / classes), atol=1e-6)
    with pytest.raises(ValueError, match="at least 2, got 1"):
        CumulativeProbabilities(1)


def test_the_layer_is_rebuilt_from_its_arguments() -> None:
    layer = CumulativeProbabilities(5, name="output")
    again = CumulativeProbabilities.from_config(layer.get_config())
    assert (again.classes, again.name) == (5, "output")


def test_quadratic_kappa_and_mae_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(5, size=200)
    chosen = np.clip(targets + rng.integers(-1, 3, size=200), 0, 4)
    scores = sample_task("ordinal").scores(targets, np.eye(5)[chosen])
    kappa = sk.cohen_kappa_score(targets, chosen, weights="quadratic")
    assert scores["quadratic_kappa"] == pytest.approx(kappa)
    assert scores["mae"] == pytest.approx(np.abs(targets - chosen).mean())
    weights = rng.integers(0, 4, size=200)
    scorer = sample_task("ordinal").scorers(targets, np.eye(5)[chosen])["quadratic_kappa"]
    expected = sk.cohen_kappa_score(targets, chosen, weights="quadratic", sample_weight=weights)
    assert scorer(weights[None].astype(float))[0] == pytest.approx(expected)


def test_one_class_everywhere_has_no_kappa() -> None:
    ones = np.ones(7, int)
    assert sample_task("ordinal").scores(ones, np.eye(3)[ones])["quadratic_kappa"] is None
    # A constant prediction of classes that differ is chance.
    mixed = np.array([0, 1, 2, 2])
    constant = sample_task("ordinal").scores(mixed, np.eye(3)[[1, 1, 1, 1]])
    assert constant["quadratic_kappa"] == pytest.approx(0)


def test_numbers_are_in_order_and_words_need_one() -> None:
    found = label(np.array([10, 2, 2, 1]), "ordinal")
    assert (found.class_names, found.values.tolist()) == (("1", "2", "10"), [2, 1, 1, 0])
    words = np.array(["severe", "none", "light", "none"])
    with pytest.raises(DataError, match="nothing says which is higher.*--class-order"):
        label(words, "ordinal")
    found = label(words, "ordinal", order=("none", "light", "severe"))
    assert (found.class_names, found.values.tolist()) == (
        ("none", "light", "severe"),
        [2, 0, 1, 0],
    )
    with pytest.raises(DataError, match="must name each class of the target once; they are"):
        label(words, "ordinal", order=("none", "light"))
    with pytest.raises(UsageError, match="--class-order: has no effect on classification"):
        label(words, None, order=("none", "light", "severe"))
    names, _ = ordered(("10", "9", "-1"), np.arange(3), (), "target")
    assert names == ("-1", "9", "10")


def test_a_task_of_another_shape_is_refused() -> None:
    with pytest.raises(UsageError, match="one target a sample; choose classification or"):
        label(np.array([0, 1]), "segmentation")


@pytest.mark.slow
def test_an_ordinal_run_is_judged_by_kappa_and_keeps_its_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 3))
    grade = np.digitize(x @ [1.5, -1.0, 0.5] + rng.normal(size=300) * 0.3, [-1.0, 1.0])
    rows = [[*row, ("low", "middle", "high")[g]] for row, g in zip(x, grade, strict=True)]
    with (tmp_path / "wear.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "wear"], *rows])
    run = train(
        model="linear",
        data=str(tmp_path / "wear.csv"),
        task="ordinal",
        class_order="low,middle,high",
        epochs=60,
        learning_rate=0.05,
        out=str(tmp_path),
    )
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["task"] == "ordinal" and metrics["headline"]["name"] == "quadratic_kappa"
    assert metrics["headline"]["value"] > 0.8
    assert metrics["test"]["verdict"] in ("better", "not distinguishable", "worse")
    assert set(metrics["test"]["baselines"]) == {"majority", "boosting", "forest", "linear"}
    saved = sample_task("ordinal").read_predictions(run.path / "predictions.csv")
    assert saved.classes == ("low", "middle", "high")
    again = saved.scorer("quadratic_kappa")(np.ones((1, len(saved.indices))))[0]
    assert again == pytest.approx(metrics["headline"]["value"])
    predicted = run.predict(x[[grade.argmin(), grade.argmax()]].astype("float32"))
    assert predicted.labels == ["low", "high"]
    assert run.evaluate()["metrics"]["mae"] == pytest.approx(metrics["test"]["metrics"]["mae"])
    # One weight a column and two cut points: nothing more is learned.
    assert run.model.count_params() == 3 + 2
