"""Principal components as a model: solved in one step, it draws, restores and finds what is odd."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import mlzoo
from mlzoo.core import registry
from mlzoo.core.errors import DataError
from mlzoo.data.contracts import task
from mlzoo.data.recognition import check_source
from mlzoo.data.samples import Column, Data, Part, Samples
from mlzoo.layers.input_scaling import input_spec, scaled
from mlzoo.layers.networks import StepContext
from mlzoo.runs.models import draw_samples
from mlzoo.training.building import build_model
from tests.training.made import LEAN, config


def table(name: str, rows: np.ndarray) -> Data:
    columns = tuple(Column(f"x{number}") for number in range(rows.shape[1]))
    rows = rows.astype("float32")
    samples = Samples(rows, rows, name, "table", columns=columns)
    parts = [Part(samples, each) for each in np.split(np.arange(len(rows)), [-80, -40])]
    return Data(samples, *parts, input_spec(parts[0]), task(name).output_spec(parts[0]), "made")


def rows(count: int = 400) -> np.ndarray:
    """Six numbers, most of whose variance lies in two directions."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, 2)) @ rng.normal(size=(2, 6)) + rng.normal(0, 0.3, (count, 6))


@pytest.mark.backends
def test_the_likelihood_is_that_of_probabilistic_pca() -> None:
    data = table("generation", rows())
    model = build_model(config(model="pca", set={"code": 2}), data, 0)
    networks = model.networks.networks
    x = scaled(data.inputs.scaling, data.train.inputs()).astype("float64")
    codes = keras.ops.convert_to_numpy(networks["encoder"](data.train.inputs()))
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(2), atol=1e-4)

    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    noise = values[:4].mean()
    # The deviations along the components are those of samples, with n - 1.
    ours = values * np.where(np.arange(6) < 4, 0, len(x) / (len(x) - 1))
    covariance = (vectors * np.where(np.arange(6) < 4, noise, ours)) @ vectors.T
    expected = -multivariate_normal(x.mean(axis=0), covariance).logpdf(x).mean()
    [objective] = model.networks.objectives
    context = StepContext(keras.random.SeedGenerator(0), 0.0, 0.0, False)
    terms = objective.loss(networks, data.train.inputs(), data.train.inputs(), context)
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-3)
    assert float(terms["reconstruction"]) == pytest.approx(values[:4].sum() / 6, rel=1e-3)

    drawn = draw_samples(registry.load("model", "pca"), {"code": 2}, networks, 20_000, 0)
    kept = (vectors * np.where(np.arange(6) < 4, 0, values)) @ vectors.T
    np.testing.assert_allclose(np.cov(drawn.T), kept, atol=0.05)


def test_restored_rows_are_the_best_of_any_linear_code() -> None:
    data = table("reconstruction", rows())
    model = build_model(config(model="pca"), data, 0)
    assert model.get_layer("code").output.shape == (None, 3), "half of the values"
    x = scaled(data.inputs.scaling, data.train.inputs())
    error = ((keras.ops.convert_to_numpy(model(data.train.inputs())) - x) ** 2).mean()
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    assert error == pytest.approx((singular[3:] ** 2).sum() / x.size, rel=1e-4)
    assert model.solved.startswith("3 components, with 9")


def test_more_components_than_there_are_directions_change_nothing() -> None:
    flat = rows()[:, :1] * np.arange(1.0, 5.0)
    model = build_model(config(model="pca", set={"code": 4}), table("generation", flat), 0)
    assert model.solved == "1 component, with 100.0% of the variance"
    drawn = draw_samples(registry.load("model", "pca"), {"code": 4}, model.networks.networks, 50, 0)
    assert np.linalg.matrix_rank(drawn, tol=1e-3) == 1 and np.isfinite(drawn).all()
    with pytest.raises(DataError, match="training samples that differ"):
        build_model(config(model="pca"), table("generation", np.ones((200, 3))), 0)


@pytest.mark.slow
def test_a_run_of_either_task(tmp_path: Path) -> None:
    run = mlzoo.train("pca", "digits", out=str(tmp_path), **LEAN)
    assert run.metrics["stopped"].startswith("32 components")
    assert run.record["task"] == "generation"
    history = (run.path / "history.csv").read_text().splitlines()
    assert history[0].startswith("epoch,loss,reconstruction,val_loss") and len(history) == 2
    given = {"task": "reconstruction", "normal": ["1"], "set": {"code": 8}}
    run = mlzoo.train("pca", "digits", out=str(tmp_path), **given, **LEAN)
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert run.record["task"] == "reconstruction" and metrics["test"]["metrics"]["roc_auc"] > 0.95
    assert run.config.task == "reconstruction", "so that the run is repeated with it"


def test_a_task_is_chosen_of_models_that_have_several() -> None:
    values = {"model": "pca", "data": "digits", "task": "reconstruction"}
    assert not check_source(values, {"task"})
    for wrong in ({"model": "vae"}, {"task": "anomaly"}):
        [(field, problem)] = check_source({**values, **wrong}, {"task"})
        assert field == "task" and problem.startswith("has no effect with source bundled")
