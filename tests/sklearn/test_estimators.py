"""Estimators that scikit-learn's own checks, pipelines and searches take."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import mlzoo
from mlzoo.sklearn import MlzooClassifier, MlzooEmbedding, MlzooRegressor

pytestmark = pytest.mark.slow
SHORT: dict[str, Any] = {"set": {"hidden": [16]}, "preset": "none", "learning_rate": 0.03}
LEAN = {"conformal": 0, "allow_leakage": True}
CLASSIFIER = MlzooClassifier(epochs=12, settings={**LEAN, "calibrate": "none"}, **SHORT)
REGRESSOR = MlzooRegressor(epochs=12, settings=LEAN, **SHORT)
EMBEDDING = MlzooEmbedding(
    epochs=2,
    settings={"allow_leakage": True},
    **{**SHORT, "set": {"hidden": [8], "code": 2}},
)
SAMPLE = (
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimators_unfitted",
    "check_parameters_default_constructible",
    "check_complex_data",
    "check_estimator_sparse_array",
    "check_all_zero_sample_weights_error",
    "check_classifiers_one_label_sample_weights",
    "check_sample_weights_shape",
    "check_estimators_empty_data_messages",
    "check_estimators_nan_inf",
    "check_fit1d",
    "check_classifiers_one_label",
    "check_n_features_in",
    "check_dict_unchanged",
    "check_methods_subset_invariance",
    "check_dataframe_column_names_consistency",
    "check_transformer_general",
    "check_transformer_preserve_dtypes",
    "check_transformer_get_feature_names_out",
)
"""The checks that are run by default: all of them fit hundreds of models, which takes minutes."""


UNEQUAL = "check_sample_weight_equivalence_on_dense_data"
"""Rows that are repeated or left out are other batches, as of scikit-learn's own MLPClassifier."""


def _name(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


def _checks() -> Iterator[Any]:
    """Yield each estimator with its checks; MLZOO_EVERY_CHECK=1 asks for all of them."""
    for estimator in (CLASSIFIER, REGRESSOR, EMBEDDING):
        for each, check in estimator_checks_generator(estimator):
            if _name(check) == UNEQUAL:
                continue
            if os.environ.get("MLZOO_EVERY_CHECK") or _name(check) in SAMPLE:
                yield pytest.param(each, check, id=f"{type(each).__name__}-{_name(check)}")


@pytest.mark.parametrize(("estimator", "check"), list(_checks()))
def test_keeps_the_contract_of_estimators(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    """Rows with a number that is missing here and there, and a word that decides."""
    rng = np.random.default_rng(0)
    word = np.array(["red", "green", "blue"])[np.arange(90) % 3]
    number = rng.normal(size=90).round(2)
    number[::11] = np.nan
    return pd.DataFrame({"number": number, "word": word, "noise": rng.normal(size=90)})


@pytest.fixture(scope="module")
def fitted(people: pd.DataFrame) -> MlzooClassifier:
    return clone(CLASSIFIER).fit(people, people["word"].map({"red": "yes"}).fillna("no"))


def test_columns_of_words_and_missing_numbers_are_inputs(
    fitted: MlzooClassifier, people: pd.DataFrame
) -> None:
    assert list(fitted.classes_) == ["no", "yes"]
    assert list(fitted.feature_names_in_) == ["number", "word", "noise"]
    said = fitted.predict_proba(people)
    assert said.shape == (90, 2) and np.allclose(said.sum(axis=1), 1)
    assert (fitted.predict(people) == np.where(people["word"] == "red", "yes", "no")).all()
    # A row's numbers do not depend on the rows beside it.
    np.testing.assert_array_equal(fitted.predict_proba(people[5:6]), said[5:6])
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(people.rename(columns={"noise": "other"}))


def test_persists_as_a_run_folder_without_pickles(
    fitted: MlzooClassifier, people: pd.DataFrame, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    loaded = MlzooClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(people), fitted.predict_proba(people))
    assert loaded.get_params() == fitted.get_params()
    assert list(loaded.classes_) == ["no", "yes"] and loaded.n_features_in_ == 3
    run = mlzoo.load(tmp_path / "model")
    assert run.metrics["test"] and run.record["class_names"] == ["no", "yes"]
    with pytest.raises(ValueError, match="holds a MlzooClassifier, not a MlzooRegressor"):
        MlzooRegressor.load(tmp_path / "model")
    with pytest.raises(FileExistsError):
        fitted.save(tmp_path / "model")
    # The state of a copy is numbers, texts and the bytes of the run folder.
    copied = copy.deepcopy(fitted)
    np.testing.assert_array_equal(copied.predict(people), fitted.predict(people))


def test_weights_of_samples_decide_between_labels_that_contradict() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat(rng.normal(size=(60, 1)), 2, axis=0)
    y = np.tile([0, 1], 60)  # each row has both labels
    weights = np.where((x[:, 0] > 0) == (y == 1), 9.0, 1.0)
    model = clone(CLASSIFIER).set_params(epochs=25).fit(x, y, sample_weight=weights)
    p = model.predict_proba(np.array([[-1.5], [1.5]]))[:, 1]
    assert p[0] < 0.3 and p[1] > 0.7


def test_a_search_in_a_pipeline_finds_the_longer_training() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(240, 2))
    y = 100 + 5 * x[:, 0] - 3 * x[:, 1]
    pipeline = make_pipeline(StandardScaler(), clone(REGRESSOR).set_params(epochs=40))
    grid = {"mlzooregressor__learning_rate": [1e-6, 0.03]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(x, y)
    assert search.best_params_ == {"mlzooregressor__learning_rate": 0.03}
    assert search.cv_results_["mean_test_score"][1] > 0.5 > search.cv_results_["mean_test_score"][0]
    assert search.predict(x[:3]).shape == (3,)


def test_an_embedding_is_a_step_of_a_pipeline_and_persists(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    t = rng.uniform(-1, 1, 200)
    x = np.outer(t, [3.0, -2.0, 1.0, 0.5]) + 0.05 * rng.normal(size=(200, 4))
    embedding = clone(EMBEDDING).set_params(epochs=30, set={"hidden": [16], "code": 1})
    code = embedding.fit_transform(x)
    assert code.shape == (200, 1) and code.dtype == "float64"
    assert abs(np.corrcoef(code[:, 0], t)[0, 1]) > 0.98, "the one direction that the rows vary in"
    np.testing.assert_array_equal(embedding.transform(x[5:6]), code[5:6])
    assert list(embedding.get_feature_names_out()) == ["mlzooembedding0"]
    assert embedding.run_.metrics["headline"]["name"] == "mse"
    embedding.save(tmp_path / "model")
    np.testing.assert_array_equal(MlzooEmbedding.load(tmp_path / "model").transform(x), code)
    pipeline = make_pipeline(clone(embedding), LinearRegression())
    assert pipeline.fit(x, t).score(x, t) > 0.95


def test_codes_of_a_model_that_draws_samples_are_the_means_of_its_encoder() -> None:
    x = np.random.default_rng(5).normal(size=(60, 3))
    embedding = clone(EMBEDDING).set_params(model="vae", set={"hidden": [4], "code": 2})
    code = embedding.fit_transform(x)
    means = embedding.run_.networks["encoder"].predict_on_batch(x.astype("float32"))[:, :2]
    np.testing.assert_allclose(code, means, rtol=1e-5, atol=1e-6)
    folds = clone(EMBEDDING).set_params(settings={"allow_leakage": True, "folds": 2})
    with pytest.raises(ValueError, match="train one without --folds"):
        folds.fit(x)


def test_what_mlzoo_refuses_is_a_value_error() -> None:
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    with pytest.raises(ValueError, match="epochs"):
        MlzooClassifier(epochs=0).fit(x, y)
    with pytest.raises(ValueError, match="y holds 1 class only"):
        MlzooClassifier().fit(x, np.ones(20))
