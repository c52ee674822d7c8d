"""Baselines that are hard to beat: forest, boosting, neighbors, Gaussian process and others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.naive_bayes import GaussianNB

from mlzoo.baselines import boosting, drift, forest, gaussian_process, naive_bayes, neighbors
from mlzoo.data.samples import Part
from mlzoo.data.tables.reader import Column
from tests.evaluating.made import make_data
from tests.tasks.made_forecasts import series_data


def test_a_forest_is_that_of_scikit_learn() -> None:
    loaded = load_diabetes()
    data = make_data(loaded.data.astype("float32"), loaded.target.astype("float32"))
    x, y = data.train.inputs().astype(float), data.train.targets
    expected = RandomForestRegressor(100, random_state=3).fit(x, y).predict(data.test.inputs())
    fitted = forest.fit(data, 3)
    assert fitted is not None and fitted.note == ""
    found = fitted.predict(data.test.inputs())[:, 0]
    # Trees see standardized columns: thresholds are rounded otherwise.
    assert np.corrcoef(found, expected)[0, 1] > 0.99


def test_boosting_grows_fewer_rounds_for_more_classes() -> None:
    loaded = load_digits()
    data = make_data(loaded.data.astype("float32"), loaded.target.astype("int32"))
    fitted = boosting.fit(data, 0)
    assert fitted is not None
    model = HistGradientBoostingClassifier(max_iter=30, early_stopping=False, random_state=0)
    model.fit(data.train.inputs().astype(float), data.train.targets)
    expected = model.predict_proba(data.test.inputs().astype(float))
    np.testing.assert_allclose(fitted.predict(data.test.inputs()), expected)


def test_boosting_takes_missing_values_and_several_targets() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    y = np.stack([x[:, 0] > 0, x[:, 1]], axis=1).astype("float32")
    x[rng.random(x.shape) < 0.1] = np.nan
    fitted = boosting.fit(make_data(x, y, target_names=("a", "b")), 0)
    assert fitted is not None
    found = fitted.predict(x)
    assert found.shape == (300, 2)
    # A tenth of the values is missing, and what is missing can only be guessed.
    assert ((found - y) ** 2).mean() < 0.2 * y.var(axis=0).mean()


def test_naive_bayes_and_neighbors() -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(3, size=300)
    x = rng.normal(size=(300, 2)) + 4 * np.eye(3)[targets][:, :2]
    data = make_data(x, targets)
    train, test = data.train, data.test
    bayes, near = naive_bayes.fit(data, 0), neighbors.fit(data, 0)
    assert bayes is not None and near is not None
    expected = GaussianNB().fit(train.inputs(), train.targets).predict_proba(test.inputs())
    np.testing.assert_allclose(bayes.predict(test.inputs()), expected, atol=1e-6)
    assert (near.predict(test.inputs()).argmax(axis=1) == test.targets).mean() > 0.9
    np.testing.assert_allclose(near.predict(test.inputs()).sum(axis=1), 1)
    few = make_data(x[:10], targets[:10])
    assert neighbors.fit(few, 0) is not None  # fewer samples than neighbors


def test_naive_bayes_counts_categories_with_laplace_smoothing() -> None:
    # Of class 0: red 3 of 4, blue 1, green 0; of class 1: red 0, blue 1, green 1, one missing.
    colors = np.array([0, 0, 0, 1, 1, 2, -1], "float32")[:, None]
    columns = (Column("color", ("red", "blue", "green")),)
    targets = np.array([0, 0, 0, 0, 1, 1, 1])
    data = make_data(colors, targets, kind="table", columns=columns)
    data = replace(data, train=Part(data.samples, np.arange(7)))
    bayes = naive_bayes.fit(data, 0)
    assert bayes is not None
    # (x + 1) / (M + 3), times the class's share of the samples.
    each = np.array(
        [[4 / 7 * 4 / 7, 3 / 7 * 1 / 5], [4 / 7 * 1 / 7, 3 / 7 * 2 / 5], [4 / 7, 3 / 7]]
    )
    predicted = bayes.predict(np.array([[0], [2], [-1]], "float32"))
    np.testing.assert_allclose(predicted, each / each.sum(axis=1, keepdims=True))
    numbers = np.concatenate([np.arange(7.0)[:, None], colors], axis=1)
    both = make_data(numbers, targets, kind="table", columns=(Column("a"), *columns))
    both = replace(both, train=Part(both.samples, np.arange(7)))
    fitted = naive_bayes.fit(both, 0)
    gaussian = GaussianNB().fit(numbers[:, :1], targets)
    assert fitted is not None
    known = np.array([[2.0, -1]], "float32")
    expected = gaussian.predict_proba(known[:, :1])
    np.testing.assert_allclose(fitted.predict(known), expected, rtol=1e-6)


def test_a_gaussian_process_learns_the_noise_and_which_columns_matter() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, size=(250, 2))
    clean = 10 * np.sin(2 * x[:, 0])
    columns = (Column("a"), Column("b"))
    data = make_data(x, clean + rng.normal(0, 2, 250), kind="table", columns=columns)
    fitted, trees = gaussian_process.fit(data, 0), forest.fit(data, 0)
    assert fitted is not None and trees is not None
    # The targets' variance is about 50 and that of the noise 4.
    assert float(fitted.note.split()[1]) == pytest.approx(0.08, abs=0.03)
    at = data.test.inputs()
    true = 10 * np.sin(2 * at[:, 0])
    errors = [np.abs(each.predict(at)[:, 0] - true).mean() for each in (fitted, trees)]
    assert errors[0] < 0.6 < errors[1]
    empty = replace(data, train=Part(data.samples, np.arange(0)))
    assert gaussian_process.fit(empty, 0) is None


def test_one_class_alone_leaves_no_model() -> None:
    data = make_data(np.random.default_rng(0).random((50, 2)), np.zeros(50, "int32"))
    assert [m.fit(data, 0) for m in (forest, boosting, naive_bayes, neighbors)] == [None] * 4


@pytest.mark.parametrize("slope", [0.0, 2.5])
def test_drift_goes_on_with_a_line(slope: float) -> None:
    data = series_data([slope * np.arange(40.0)], window=5, horizon=3)
    rows = Part(data.samples, np.arange(4))
    fitted = drift.fit(data, 0)
    assert fitted is not None
    np.testing.assert_allclose(fitted.predict(rows), rows.targets, atol=1e-4)
    one = series_data([np.arange(40.0)], window=1, horizon=3)
    assert drift.fit(one, 0) is None
