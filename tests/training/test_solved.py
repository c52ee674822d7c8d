"""Regressions of `linear` are solved in closed form, and posteriors reach predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

import mlzoo
from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Data
from mlzoo.layers.input_scaling import input_spec, scaled
from mlzoo.models import linear
from mlzoo.runs.config_loading import merge
from mlzoo.training.building import build_model
from mlzoo.training.starting.preparing import with_recipe
from tests.training import made


def training_rows(run: mlzoo.Run) -> tuple[np.ndarray, np.ndarray]:
    """Return scaled inputs (n,) and standardized targets (n,) of a run's training split."""
    train = run.own_data().train
    outputs = run.own_data().outputs
    x = scaled(run.scaling, train.inputs())[:, 0].astype("float64")
    return x, (train.targets.reshape(-1) - outputs.mean[0]) / outputs.std[0]


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> mlzoo.Run:
    out = str(tmp_path_factory.mktemp("solved"))
    return mlzoo.train("linear", "noisy-sine", set={"degree": 10}, baselines="none", out=out)


@pytest.fixture(scope="module")
def bayesian(tmp_path_factory: pytest.TempPathFactory) -> mlzoo.Run:
    out = str(tmp_path_factory.mktemp("bayesian"))
    asked = {"set": {"degree": 10, "posterior": True}, "source_set": {"samples": 60}}
    return mlzoo.train("linear", "noisy-sine", **asked, baselines="none", out=out)


def test_a_polynomial_of_degree_10_reaches_its_least_squares_optimum(solved: mlzoo.Run) -> None:
    x, y = training_rows(solved)
    design = x[:, None] ** np.arange(11)
    least = np.linalg.lstsq(design, y, rcond=None)[1][0] / len(y)
    history = (solved.path / "history.csv").read_text().splitlines()
    row = dict(zip(*(line.split(",") for line in history), strict=True))
    assert float(row["loss"]) == pytest.approx(least, rel=1e-5)
    assert solved.metrics["stopped"] == "solved in closed form"
    assert solved.config.set["solve"] is True


def test_it_descends_where_that_is_asked_for() -> None:
    for given in ({"epochs": 3}, {"optimizer": "sgd"}, {"learning_rate": 0.1}):
        merged = merge({"model": "linear", "data": "noisy-sine", **given})
        result, note = with_recipe(merged, _table("regression"))
        assert (result, note) == (merged, "")
    result, note = with_recipe(merge({"model": "linear", "data": "noisy-sine"}), _table())
    assert result.config.set == {"solve": True}
    assert note == "preset fast for a convex problem: --set solve=true"


def _table(task: str | None = "regression") -> Data:
    data = made.data(task=task)
    samples = made.as_table(data.samples, data.samples.inputs)
    train = replace(data.train, samples=samples)
    return replace(data, samples=samples, train=train, inputs=input_spec(train))


def test_classes_are_minimized_by_lbfgs() -> None:
    result, _ = with_recipe(merge({"model": "linear", "data": "iris"}), _table(None))
    assert (result.config.optimizer, result.config.epochs) == ("lbfgs", 15_000)
    lasso = merge({"model": "linear", "data": "iris", "set": {"l1": 0.1}})
    assert with_recipe(lasso, _table(None))[1] == ""


def test_a_penalty_is_part_of_what_is_solved() -> None:
    config = made.config(set={"solve": True, "l2": 0.1})
    data = made.data(task="regression")
    model = build_model(config, data, 0)
    kernel, bias = model.get_layer("head").get_weights()
    x = scaled(data.inputs.scaling, data.train.inputs()).astype("float64")
    y = (data.train.targets - data.outputs.mean[0]) / data.outputs.std[0]
    # The gradient of mean squared error and penalty is 0.
    error = x @ kernel[:, 0] + bias[0] - y
    np.testing.assert_allclose(x.T @ error / len(x) + 0.1 * kernel[:, 0], 0, atol=1e-6)
    assert error.mean() == pytest.approx(0, abs=1e-6)


def test_the_posterior_predicts_mean_and_deviation(bayesian: mlzoo.Run) -> None:
    from sklearn.linear_model import BayesianRidge

    x, y = training_rows(bayesian)
    theirs = BayesianRidge(tol=1e-14, max_iter=100_000).fit(x[:, None] ** np.arange(1, 11), y)
    new = np.linspace(0, 9, 7, dtype="float32")[:, None]
    found = bayesian.predict(new, coverage=0.9)
    at = scaled(bayesian.scaling, new).astype("float64") ** np.arange(1, 11)
    mean, std = theirs.predict(at, return_std=True)
    outputs = bayesian.own_data().outputs
    np.testing.assert_allclose(found.labels, outputs.mean[0] + outputs.std[0] * mean, rtol=1e-3)
    variance = std**2 + 1 / (theirs.alpha_ * len(y))
    np.testing.assert_allclose(found.std[:, 0], outputs.std[0] * variance**0.5, rtol=1e-3)
    half = ndtri(0.95) * found.std
    np.testing.assert_allclose(found.high - found.low, 2 * half)
    np.testing.assert_allclose(found.low[:, 0] + half[:, 0], found.labels, rtol=1e-5)
    assert "by evidence" in bayesian.metrics["stopped"]


def test_the_run_says_that_its_distribution_is_normal(bayesian: mlzoo.Run) -> None:
    record = json.loads((bayesian.path / "calibration.json").read_text())
    assert record["conformal"] is None and record["distribution"] == "normal"


def test_the_error_band_is_drawn(bayesian: mlzoo.Run) -> None:
    table = np.genfromtxt(bayesian.path / "plots" / "error_band.csv", delimiter=",", names=True)
    assert table.dtype.names[:3] == ("x", "mean", "std") and len(table.dtype.names) == 8
    found = bayesian.predict(table["x"].astype("float32")[:, None])
    np.testing.assert_allclose(table["mean"], found.labels, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(table["std"], found.std[:, 0], rtol=1e-4)
    drawn = np.stack([table[f"function_{i}"] for i in range(1, 6)])
    assert np.abs((drawn - table["mean"]) / table["std"]).max() < 5
    assert drawn.std(axis=0).max() > 0
    assert (bayesian.path / "plots" / "error_band.png").exists()


def test_wrong_settings_are_refused(tmp_path: Path) -> None:
    for wrong, message in [
        ({"posterior": True, "l2": 0.1}, "leave out l1 and l2"),
        ({"noise_precision": 2.0}, "noise_precision has no effect without posterior"),
        ({"solve": True, "l1": 0.1}, "no weights under an l1 penalty"),
    ]:
        with pytest.raises(ValueError, match=message):
            linear.Config(**wrong)
    with pytest.raises(UsageError, match="posterior is for numbers.*leave it out"):
        build_model(made.config(set={"posterior": True}), made.data(), 0)
