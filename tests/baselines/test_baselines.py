"""Baselines: fitted on the training split, as strong as they should be, bounded in cost."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlzoo.baselines import _samples, linear
from mlzoo.data.samples import Data, Part
from mlzoo.data.tables.reader import Column
from mlzoo.evaluating.evaluate import evaluate, fit_baselines
from tests.evaluating.made import make_data


def scores(data: Data) -> dict[str, Any]:
    """What is told of the baselines on the test split."""
    units = len(data.samples.class_names) or int(np.prod(data.samples.targets.shape[1:]))
    constant = np.ones(units) / units
    return evaluate(lambda x: np.tile(constant, (len(x), 1)), data)[0]["baselines"]


class Lazy:
    """Images that exist while they are read; counts how many are held at a time."""

    dtype = np.dtype("uint8")

    def __init__(self, count: int, side: int) -> None:
        self.shape = (count, side, side, 3)
        self.most = 0
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, indices: Any) -> np.ndarray:
        indices = np.asarray(indices)
        self.most = max(self.most, len(indices))
        self.read.extend(indices.tolist())
        images = np.zeros((len(indices), *self.shape[1:]), "uint8")
        images[:] = (indices % 2 * 100)[:, None, None, None]
        return images


def test_linear_models_are_those_of_scikit_learn() -> None:
    iris = load_iris()
    data = make_data(iris.data.astype("float32"), iris.target.astype("int32"))
    x, y = data.train.inputs(), data.train.targets
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y)
    expected = model.score(data.test.inputs(), data.test.targets)
    assert scores(data)["linear"]["accuracy"] == pytest.approx(expected)

    found = load_diabetes()
    data = make_data(found.data, found.target.astype("float32"))
    x, y = data.train.inputs(), data.train.targets
    ridge = make_pipeline(StandardScaler(), Ridge()).fit(x, y)
    expected = ridge.score(data.test.inputs(), data.test.targets)
    assert scores(data)["linear"]["r2"] == pytest.approx(expected)


def test_majority_and_mean_come_from_the_training_part() -> None:
    targets = np.array([0] * 30 + [1] * 70, "int32")
    data = make_data(np.random.default_rng(0).random((100, 2)), targets)
    shares = np.bincount(data.train.targets) / len(data.train)
    found = scores(data)["majority"]
    assert found["accuracy"] == (data.test.targets == 1).mean()
    assert found["log_loss"] == pytest.approx(-np.log(shares[data.test.targets]).mean())
    assert found["balanced_accuracy"] == 0.5

    numbers = make_data(np.ones((50, 1)), np.arange(50, dtype="float32"))
    error = numbers.test.targets - numbers.train.targets.mean()
    assert scores(numbers)["mean"]["rmse"] == pytest.approx((error**2).mean() ** 0.5)


def test_the_test_part_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    data = make_data(rng.random((100, 3)), rng.integers(2, size=100))
    inputs = data.train.inputs()
    before = fit_baselines(data)["linear"].predict(inputs)
    data.samples.inputs[data.test.indices] = 1e3  # type: ignore[index]
    data.samples.targets[data.test.indices] = 0
    np.testing.assert_array_equal(fit_baselines(data)["linear"].predict(inputs), before)


def test_several_targets() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 3))
    targets = (inputs @ rng.normal(size=(3, 2)) + 7).astype("float32")
    data = make_data(inputs, targets, target_names=("a", "b"))
    found = scores(data)
    assert found["linear"]["r2"] > 0.99
    assert found["mean"]["r2"] < 0.05


def test_digits_are_read_by_a_linear_model() -> None:
    digits = load_digits()
    images = digits.images[..., None].astype("float32")
    data = make_data(images, digits.target.astype("int32"), kind="image", maximum=16.0)
    first, again = scores(data), scores(data)
    assert first == again
    assert first["linear"]["accuracy"] > 0.94
    assert first["linear"]["note"] == ""


def test_categories_are_one_hot_and_missing_values_imputed() -> None:
    """A target that a straight line through category numbers can't follow."""
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=400)
    table = np.stack([codes, rng.normal(size=400)], axis=1).astype("float32")
    table[rng.random(400) < 0.2, 1] = np.nan
    targets = np.array([0, 5, 1, 9], "float32")[codes]
    columns = (Column("site", ("a", "b", "c", "d")), Column("depth"))
    data = make_data(table, targets, kind="table", columns=columns)
    assert scores(data)["linear"]["r2"] > 0.99
    unseen = np.array([[-1, np.nan]], "float32")
    assert np.isfinite(fit_baselines(data)["linear"].predict(unseen)).all()


def test_rare_categories_and_empty_columns_are_left_out() -> None:
    names = tuple(f"v{i}" for i in range(80))
    table = np.stack([np.arange(400) % 80, np.full(400, np.nan)], axis=1).astype("float32")
    columns = (Column("id", names), Column("empty"))
    data = make_data(table, np.arange(400, dtype="float32"), kind="table", columns=columns)
    made, note = _samples.featurize(data.train)
    assert made(table).shape == (400, 1 + _samples.CATEGORIES)
    assert note == "the 50 most frequent values of id"
    assert scores(data)["linear"]["note"] == note


def test_one_class_in_the_training_part_leaves_no_linear_model() -> None:
    data = make_data(np.random.default_rng(0).random((50, 2)), np.zeros(50, "int32"))
    assert list(fit_baselines(data)) == ["majority"]


def test_a_class_that_is_not_in_the_training_part_gets_probability_0() -> None:
    rng = np.random.default_rng(0)
    data = make_data(rng.random((90, 2)), rng.integers(3, size=90))
    rows = data.train.indices
    data = replace(data, train=Part(data.samples, rows[data.train.targets != 1]))
    found = fit_baselines(data)["linear"].predict(rng.random((5, 2)))
    assert found.shape == (5, 3)
    assert (found[:, 1] == 0).all()


def test_images_on_disk_are_read_in_chunks_and_in_part() -> None:
    lazy = Lazy(20_000, 64)
    data = make_data(lazy, (np.arange(20_000) % 2).astype("int32"), kind="image")
    found = scores(data)["linear"]
    assert found["accuracy"] == 1
    fitted_on = np.setdiff1d(lazy.read, [*data.valid.indices, *data.test.indices])
    # Three models are fitted; one is chosen on the validation split.
    assert len(lazy.read) == 3 * _samples.LAZY_ROWS + len(data.valid) + len(data.test)
    assert len(np.intersect1d(fitted_on, data.train.indices)) == _samples.LAZY_ROWS
    assert lazy.most * 64 * 64 * 3 * 4 <= 32_000_000
    assert found["note"] == (
        "images averaged to 16x16 gray; fitted on 2,000 of 12,000 training samples"
    )


def test_shrinking_averages_cells() -> None:
    image = np.arange(32 * 48, dtype="float64").reshape(1, 32, 48, 1)
    data = make_data(np.repeat(image, 10, axis=0), np.arange(10.0), kind="image")
    made, note = _samples.featurize(data.train)
    expected = image.reshape(16, 2, 16, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(made(image), expected.reshape(1, -1))
    assert note == "images averaged to 16x16 gray"


def test_uneven_sizes_weigh_every_pixel() -> None:
    ones = make_data(np.ones((10, 37, 20, 3)), np.arange(10.0), kind="image")
    made, _ = _samples.featurize(ones.train)
    np.testing.assert_allclose(made(ones.train.inputs()), 1)
    long = make_data(np.ones((10, 5000)), np.arange(10.0))
    made, note = _samples.featurize(long.train)
    np.testing.assert_allclose(made(long.train.inputs()), np.ones((6, _samples.WIDTH)))
    assert note == "5000 inputs averaged to 1024"


def test_no_warning_where_the_solver_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "ITERATIONS", 2)
    rng = np.random.default_rng(0)
    data = make_data(rng.random((200, 20)), rng.integers(5, size=200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scores(data)["linear"]["note"] == "stopped after 2 iterations"
