"""Folds of a search in scikit-learn: the same rows, and the same scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

import mlzoo
from mlzoo.sklearn import MlzooRegressor
from mlzoo.sklearn.estimators import _without_test

PENALTIES = [0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0]


@pytest.mark.slow
def test_a_grid_search_over_the_folds_of_a_search_gives_its_scores(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = pd.DataFrame(rng.normal(size=(60, 2)).round(3), columns=["a", "b"])
    y = (5 + 2 * x["a"] - x["b"] + 0.3 * rng.normal(size=60)).round(3)
    path = tmp_path / "t.csv"
    x.assign(y=y).to_csv(path, index=False)
    tuned = mlzoo.tune(
        "linear",
        str(path),
        vary=[f"l2={','.join(map(str, PENALTIES))}"],
        set={"solve": True},
        search={"strategy": "grid", "folds": 2, "metric": "mae"},
        preset="none",
        out=str(tmp_path),
        final=False,
    )
    assert tuned.best is not None and len(tuned.trials) == len(PENALTIES)
    folds = tuned.folds()
    assert [len(test) for _, test in folds] == [24, 24], "the test split is in none"
    assert not set(folds[0][1]) & set(folds[1][1])
    estimator = MlzooRegressor("linear", preset="none", fractions="100/0/0")
    grid = {"set": [{"solve": True, "l2": penalty} for penalty in PENALTIES]}
    search = GridSearchCV(
        estimator, grid, cv=folds, scoring="neg_mean_absolute_error", refit=False
    ).fit(x, y)
    for penalty, *scores in zip(
        PENALTIES,
        search.cv_results_["split0_test_score"],
        search.cv_results_["split1_test_score"],
        strict=True,
    ):
        trial = next(t for t in tuned.trials if t.values["l2"] == penalty)
        np.testing.assert_allclose(-np.array(scores), trial.fold_scores, rtol=1e-5)
    best = search.cv_results_["params"][search.best_index_]["set"]["l2"]
    assert best == tuned.best.values["l2"] and best < 1


@pytest.mark.slow
def test_without_a_test_split_a_run_has_no_scores() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    model = MlzooRegressor("linear", set={"solve": True}, fractions="100/0/0")
    model.fit(x, x @ [3.0, -1.0])
    np.testing.assert_allclose(model.predict(x), x @ [3.0, -1.0], atol=1e-4)
    names = {path.name for path in model.run_.path.iterdir()}
    assert {"model.keras", "history.csv", "layers.json"} <= names
    assert not names & {"metrics.json", "report.html", "predictions.csv", "checkpoints"}
    split = json.loads((model.run_.path / "split.json").read_text())
    assert len(split["parts"]["train"]["indices"]) == 30
    assert model.run_.metrics["headline"]["value"] is None


@pytest.mark.slow
def test_without_a_test_split_a_run_with_folds_is_scored_out_of_fold() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    model = MlzooRegressor(
        "linear", set={"solve": True}, fractions="80/20/0", settings={"folds": 2}
    ).fit(x, x @ [3.0, -1.0])
    assert model.run_.metrics["test"]["part"] == "out_of_fold"
    assert _without_test({"preset": "good"}) == {"folds": 5}
    for given in ({"preset": "fast"}, {"preset": "good", "train_on": "train+valid"}):
        assert _without_test(given) == {"unscored": True}
