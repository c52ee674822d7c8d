"""Losses of distributions: models predict a deviation, which is scored, saved and predicted."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.stats import norm, t

import mlzoo
from mlzoo.core.errors import DivergedError, UsageError
from mlzoo.data.specs import Outputs
from mlzoo.layers.predictive import distribution_model
from mlzoo.models import mlp
from mlzoo.statistics.predictive.distributions import crps_normal
from mlzoo.training.building import build_model
from mlzoo.training.optimizers import build_loss
from tests.training import made
from tests.training.made import LEAN

ASKED = {"loss": "gaussian_nll", "epochs": 60, "learning_rate": 0.03, "early_stopping": 0}


def deviation(x: np.ndarray) -> np.ndarray:
    return np.exp(x - 1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> mlzoo.Run:
    folder = tmp_path_factory.mktemp("distributions")
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 2, 1000)
    y = 50 + 20 * x + 10 * deviation(x) * rng.normal(size=1000)
    np.savetxt(folder / "d.csv", np.c_[x, y], delimiter=",", header="x,y", comments="")
    return mlzoo.train(
        "linear", str(folder / "d.csv"), target="y", set={"degree": 2}, out=str(folder), **ASKED
    )


def test_the_predicted_deviation_follows_that_of_the_data(run: mlzoo.Run) -> None:
    x = np.linspace(0.1, 1.9, 19, dtype="float32")
    found = run.predict(x[:, None])
    assert found.std.shape == (19, 1)
    np.testing.assert_allclose(found.labels, 50 + 20 * x, atol=5)
    ratio = found.std[:, 0] / (10 * deviation(x))
    assert 0.6 < ratio.min() and ratio.max() < 1.6


def test_it_is_scored_beside_climatology_and_points(run: mlzoo.Run) -> None:
    test = run.metrics["test"]
    scores, baselines = test["metrics"], test["baselines"]
    rows = np.genfromtxt(run.path / "predictions.csv", delimiter=",", names=True, dtype=None)
    y, mean, std = (rows[name] for name in ("target", "prediction", "std"))
    assert scores["crps"] == pytest.approx(crps_normal(y, mean, std).mean())
    assert scores["nll"] == pytest.approx(-norm.logpdf(y, mean, std).mean())
    assert scores["crps"] < 0.8 * baselines["climatology"]["crps"]
    assert scores["nll"] < baselines["climatology"]["nll"]
    assert baselines["linear"]["crps"] == baselines["linear"]["mae"]
    assert "nll" not in baselines["linear"]
    judged = test["distribution"]
    assert judged["verdict"] == "better" and judged["gain"]["baseline"] == "climatology"
    saved = baselines["climatology"]["crps"] - scores["crps"]
    assert judged["gain"]["value"] == pytest.approx(saved)
    report = (run.path / "report.html").read_text()
    assert "The predicted distributions: better than the climatology baseline in CRPS" in report
    # Constant deviations would score worse than those that follow the data.
    assert scores["crps"] < crps_normal(y, mean, np.full_like(y, (y - mean).std())).mean()


def test_evaluating_again_gives_the_same_scores(run: mlzoo.Run) -> None:
    again = run.evaluate()
    for name in ("rmse", "crps", "nll"):
        assert again["metrics"][name] == pytest.approx(run.metrics["test"]["metrics"][name])


def test_intervals_are_as_wide_as_the_deviations(run: mlzoo.Run) -> None:
    found = run.predict(np.linspace(0, 2, 9, dtype="float32")[:, None], coverage=0.8)
    widths = (found.high - found.low) / found.std
    np.testing.assert_allclose(widths, widths[0, 0])
    assert 0.83 < run.metrics["conformal"]["coverage"] <= 0.97


def test_a_rate_that_is_too_high_is_named(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    np.savetxt(tmp_path / "d.csv", rows, delimiter=",", header="x,y", comments="")
    asked = {**ASKED, **LEAN, "learning_rate": 1e30, "target": "y", "out": str(tmp_path)}
    with pytest.raises(DivergedError, match=r"the learning rate 1e\+30 is likely too high"):
        mlzoo.train("linear", str(tmp_path / "d.csv"), **asked)


def test_members_predict_their_mixture_and_how_far_they_differ(tmp_path: Path) -> None:
    asked = {"loss": "gaussian_nll", "folds": 2, "epochs": 2, **LEAN}
    run = mlzoo.train("linear", "stress-strain", out=str(tmp_path), **asked)
    rows = np.linspace(0, 0.02, 5, dtype="float32")[:, None]
    found = run.predict(rows, coverage=0.8)
    members = keras.Model(run.model.inputs, run.model.get_layer("members").output)
    each = keras.ops.convert_to_numpy(members(rows))
    assert each.shape == (5, 2, 2, 1)
    np.testing.assert_allclose(np.array(found.labels), each[:, :, 0, 0].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.spread["model_std"], each[:, :, 0].std(axis=1), rtol=1e-3)
    total = np.hypot(found.spread["data_std"], found.spread["model_std"])
    np.testing.assert_allclose(found.std, total, rtol=1e-4)
    assert (found.low < found.high).all()
    assert run.metrics["test"]["metrics"]["crps"] > 0


def test_members_of_a_classifier_say_how_far_they_differ(tmp_path: Path) -> None:
    asked = {"ensemble": 2, "epochs": 2, **LEAN, "optimizer": "adam"}
    run = mlzoo.train("mlp", "iris", set={"hidden": [4], "members": 1}, out=str(tmp_path), **asked)
    found = run.predict(np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 2.9, 4.5, 1.5]], "float32"))
    assert [*found.spread] == ["data_entropy", "model_entropy"]
    assert (found.spread["data_entropy"] > 0).all() and found.std is None


def test_passes_with_dropout_differ_and_repeat(tmp_path: Path) -> None:
    setting = {"hidden": [32], "members": 1, "dropout": [0.3], "dropout_at_predict": 30}
    asked = {"epochs": 3, **LEAN, "out": str(tmp_path)}
    run = mlzoo.train("mlp", "stress-strain", set=setting, **asked)
    rows = np.linspace(0, 0.02, 6, dtype="float32")[:, None]
    found, again = run.predict(rows), mlzoo.load(run.path).predict(rows)
    assert [*found.spread] == ["model_std"] and (found.spread["model_std"] > 0).all()
    np.testing.assert_allclose(again.spread["model_std"], found.spread["model_std"], rtol=1e-5)
    np.testing.assert_allclose(found.labels, run.outputs(rows)[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dropout_at_predict": 1}, "make it 20, or 0"),
        ({"dropout_at_predict": 9, "dropout": [0.0]}, "no effect without dropout"),
        ({"dropout_at_predict": 9, "batch_normalization": True}, "leave one out"),
    ],
)
def test_wrong_settings_of_passes_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mlp.Config(**wrong)


def test_losses_are_the_likelihoods_of_standardized_targets() -> None:
    outputs = Outputs("regression", 2, (1.0, 2.0), (10.0, 0.5), distribution=True)
    rng = np.random.default_rng(0)
    y, mean = rng.normal(size=(2, 6, 2)).astype("float32")
    std = rng.uniform(0.2, 2, (6, 2)).astype("float32")
    scale = np.array([10, 0.5])
    predicted = np.stack([mean, std], axis=1)

    def loss(name: str, **settings: float) -> np.ndarray:
        built = build_loss(made.config(loss=name, loss_set=settings), outputs)
        return keras.ops.convert_to_numpy(built.call(y, keras.ops.convert_to_tensor(predicted)))

    normal = -norm.logpdf(y / scale, mean / scale, std / scale)
    np.testing.assert_allclose(loss("gaussian_nll"), normal.mean(axis=1), rtol=1e-4)
    weighted = normal * (std / scale) ** 1.0
    np.testing.assert_allclose(loss("beta_nll", beta=0.5), weighted.mean(axis=1), rtol=1e-4)
    width = std / scale * np.sqrt(3 / 5)
    student = -t.logpdf((y - mean) / scale / width, 5) + np.log(width)
    np.testing.assert_allclose(loss("student_t", degrees=5), student.mean(axis=1), rtol=1e-4)


def test_beta_of_one_has_the_gradient_of_the_squared_error() -> None:
    outputs = Outputs("regression", 1, distribution=True)
    loss = build_loss(made.config(loss="beta_nll", loss_set={"beta": 1.0}), outputs)
    y = np.array([[1.0], [2.0]], "float32")
    costs = []
    for mean in (0.0, 1e-2):
        predicted = np.stack([np.full((2, 1), mean), [[0.5], [3.0]]], axis=1).astype("float32")
        costs.append(
            keras.ops.convert_to_numpy(loss.call(y, keras.ops.convert_to_tensor(predicted)))
        )
    np.testing.assert_allclose((costs[1] - costs[0]) / 1e-2, -y[:, 0], rtol=0.02)


def test_initial_distributions_are_those_of_the_training_targets() -> None:
    from dataclasses import replace

    data = made.data(task="regression")
    data = replace(data, outputs=replace(data.outputs, distribution=True))
    model = build_model(made.config(loss="gaussian_nll"), data, 0)
    assert model.output_shape == (None, 1)
    found = keras.ops.convert_to_numpy(distribution_model(model)(data.train.inputs()))
    np.testing.assert_allclose(found[:, 0, 0], data.outputs.mean[0], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1, 0], data.outputs.std[0] * 1.001, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "given", "message"),
    [
        ("linear", {"loss": "gaussian_nll+mse"}, "stands alone"),
        ("linear", {"loss": "gaussian_nll", "set": {"solve": True}}, "leave out --loss"),
        ("mlp", {"loss": "gaussian_nll", "set": {"members": 4}}, "set members=1"),
    ],
)
def test_what_does_not_go_together(
    model: str, given: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        mlzoo.train(model, "stress-strain", out=str(tmp_path), epochs=1, **given)
