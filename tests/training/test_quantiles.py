"""Quantile heads: levels that hold on data whose noise grows, predictions, conformal intervals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import norm

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.layers.predictive import Quantiles, distribution_model, levels_of
from mlzoo.losses import quantile
from mlzoo.losses._distributions import Pinball
from mlzoo.statistics.predictive.distributions import crps_quantiles
from mlzoo.training.building import build_model
from mlzoo.tuning.trials.scoring import score_model
from tests.tasks.made_forecasts import series_data
from tests.training.made import LEAN

LEVELS = (0.1, 0.5, 0.9)
ASKED = {"loss": "quantile", "loss_set": {"levels": [*LEVELS]}, "learning_rate": 0.03, **LEAN}


def deviation(x: np.ndarray) -> np.ndarray:
    return 10 * np.exp(x - 1)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quantiles") / "d.csv"
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 2, 1500)
    y = 50 + 20 * x + deviation(x) * rng.normal(size=1500)
    np.savetxt(path, np.c_[x, y], delimiter=",", header="x,y", comments="")
    return path


@pytest.fixture(scope="module")
def run(table: Path) -> mlzoo.Run:
    more = {"target": "y", "set": {"degree": 2}, "epochs": 40, "early_stopping": 0}
    more |= {**ASKED, "pictures": "all", "conformal": 0.5, "baselines": "fast"}
    return mlzoo.train("linear", str(table), out=str(table.parent), **more)


def test_quantiles_are_those_of_the_noise(run: mlzoo.Run) -> None:
    x = np.linspace(0.3, 1.7, 15, dtype="float32")
    predicted = run.predict(x[:, None])
    assert [*predicted.quantiles] == ["q0.1", "q0.5", "q0.9"] and predicted.std is None
    np.testing.assert_allclose(predicted.quantiles["q0.5"][:, 0], predicted.labels, rtol=1e-6)
    for level in LEVELS:
        expected = 50 + 20 * x + norm.ppf(level) * deviation(x)
        error = predicted.quantiles[f"q{level:g}"][:, 0] - expected
        assert np.abs(error / deviation(x)).max() < 0.4


def test_quantiles_are_scored_beside_those_of_the_training_targets(run: mlzoo.Run) -> None:
    test = run.metrics["test"]
    rows = np.genfromtxt(run.path / "predictions.csv", delimiter=",", names=True, dtype=None)
    quantiles = np.stack([rows[name] for name in ("q01", "q05", "q09")], axis=1)
    np.testing.assert_array_equal(quantiles[:, 1], rows["prediction"])
    scores = crps_quantiles(rows["target"][:, None], quantiles[:, :, None], LEVELS)
    assert test["metrics"]["crps"] == pytest.approx(scores.mean())
    low, high = test["intervals"]["crps"]
    assert low < scores.mean() < high and "nll" not in test["metrics"]
    beside, judged = test["baselines"]["climatology"], test["distribution"]
    assert beside["crps"] > 1.2 * test["metrics"]["crps"] and beside["crps"] < beside["mae"]
    assert judged["verdict"] == "better" and judged["gain"]["metric"] == "crps"


def test_pictures_of_one_input_are_drawn_without_a_band_of_deviations(run: mlzoo.Run) -> None:
    drawn = {path.name for path in (run.path / "plots").iterdir()}
    assert "residuals.png" in drawn and "error_band.png" not in drawn


def test_conformal_intervals_follow_the_quantiles(run: mlzoo.Run) -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 2, 4000)
    y = 50 + 20 * x + deviation(x) * rng.normal(size=4000)
    predicted = run.predict(x[:, None].astype("float32"), coverage=0.9)
    held = (predicted.low[:, 0] <= y) & (y <= predicted.high[:, 0])
    assert 0.86 < held.mean() < 0.94
    # Intervals of one width would hold nearly all on the left and few on the right.
    assert min(held[x < 0.5].mean(), held[x > 1.5].mean()) > 0.8
    beyond = predicted.high - predicted.quantiles["q0.9"]
    np.testing.assert_allclose(beyond, beyond[0, 0], rtol=1e-4)
    assert run.metrics["conformal"]["adaptive"]
    assert 0.84 < run.metrics["conformal"]["coverage"] < 0.95


def test_members_are_conformalized_each_by_its_own_quantiles(table: Path, tmp_path: Path) -> None:
    run = mlzoo.train(
        "linear", str(table), target="y", out=str(tmp_path), folds=2, epochs=3, **ASKED
    )
    rows = np.linspace(0, 2, 5, dtype="float32")[:, None]
    members = keras.Model(run.model.inputs, run.model.get_layer("members").output)
    each = keras.ops.convert_to_numpy(members(rows))
    assert each.shape == (5, 2, 3, 1) and levels_of(run.model) == (0.5, 0.1, 0.9)
    predicted = run.predict(rows, coverage=0.8)
    np.testing.assert_allclose(predicted.labels, each[:, :, 0, 0].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(predicted.quantiles["q0.1"], each[:, :, 1].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(predicted.spread["model_std"], each[:, :, 0].std(axis=1), rtol=1e-3)
    assert (predicted.low < predicted.high).all()
    assert 0.85 < run.metrics["conformal"]["coverage"] < 0.96


@pytest.mark.backends
def test_quantiles_do_not_cross_and_their_loss_is_the_pinball() -> None:
    levels = (0.5, 0.05, 0.75)
    layer = Quantiles([10.0, 0.0], [2.0, 1.0], levels)
    numbers = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    predicted = keras.ops.convert_to_numpy(layer(numbers))
    ascending = np.sort(numbers.reshape(4, 3, 2), axis=1) * [2, 1] + [10, 0]
    np.testing.assert_allclose(predicted, ascending[:, [1, 0, 2]], rtol=1e-6)
    y = np.random.default_rng(1).normal(5, 5, (4, 2)).astype("float32")
    error = (y[:, None] - predicted) / [2, 1]
    level = np.array(levels)[:, None]
    expected = np.where(error > 0, level * error, (level - 1) * error).mean(axis=(1, 2))
    costs = keras.ops.convert_to_numpy(Pinball((2.0, 1.0), levels).call(y, predicted))
    np.testing.assert_allclose(costs, expected, rtol=1e-5)


@pytest.mark.parametrize("levels", ["0.5", "0.1,0.9", "0.9,0.5,0.1", "0.5,0.9", "0.1,0.5,1"])
def test_levels_stand_around_the_median(levels: str) -> None:
    with pytest.raises(ValidationError, match=r"with \.5 between|less than 1"):
        quantile.Config(levels=levels)


# -- Forecasts


SPREAD = {
    "nlinear": {},
    "rnn": {"units": [4], "shortcut": "linear"},
    "tcn": {"filters": 4, "blocks": 1, "shortcut": "linear"},
    "patchtst": {"width": 4, "heads": 2, "layers": 1, "shortcut": "linear"},
}


def calm_and_rough(path: Path, count: int = 900) -> Path:
    """A level of 100 and 200 in turns of 30 steps, with ten times the noise at the higher one."""
    rng = np.random.default_rng(0)
    rough = np.arange(count) // 30 % 2
    y = 100 + 100 * rough + np.where(rough, 10, 1) * rng.normal(size=count)
    path.write_text("t,y\n" + "".join(f"{i},{v:.4f}\n" for i, v in enumerate(y)))
    return path


def test_bands_of_forecasts_follow_predicted_quantiles(tmp_path: Path) -> None:
    run = mlzoo.train(
        "nlinear",
        str(calm_and_rough(tmp_path / "s.csv")),
        source="series",
        window=4,
        horizon=2,
        loss="quantile",
        loss_set={"levels": [*LEVELS]},
        conformal=0.5,
        epochs=30,
        learning_rate=0.03,
        early_stopping=0,
        out=str(tmp_path),
        **LEAN,
    )
    test = run.own_data().test
    x, y_true = test.inputs(), test.targets
    predicted = run.predict(x, coverage=0.8)
    low, middle, high = (predicted.quantiles[f"q{level:g}"] for level in LEVELS)
    np.testing.assert_allclose(middle, np.stack(predicted.labels), rtol=1e-6)
    assert (low < middle).all() and (middle < high).all()
    moved = predicted.high - high
    np.testing.assert_allclose(moved, np.broadcast_to(moved[:1], moved.shape), rtol=1e-3)
    stays = np.abs(np.diff(np.concatenate([x, y_true], axis=1), axis=1)).max(axis=(1, 2)) < 50
    rough = stays & (x[:, -1, 0] > 150)
    calm = stays & (x[:, -1, 0] < 150)
    width = predicted.high - predicted.low
    assert width[rough].mean() > 3 * width[calm].mean()
    held = (predicted.low <= y_true) & (y_true <= predicted.high)
    assert 0.7 < held.mean() < 0.92
    scored = run.metrics["test"]["metrics"]
    assert scored["band"]["beyond"] and 0.8 < scored["coverage"] < 0.98

    each = crps_quantiles(y_true, np.stack([low, middle, high], axis=1), LEVELS)
    assert scored["crps"] == pytest.approx(each.mean(), rel=1e-5)
    steps = [row["crps"] for row in scored["per_horizon"]]
    assert steps == pytest.approx(each.mean(axis=(0, 2)), rel=1e-5)
    assert scored["crps"] < 0.9 * scored["mae"], "beside its own median as a point"


@pytest.mark.parametrize(
    ("name", "transform"), [*((name, "none") for name in SPREAD), ("nlinear", "log")]
)
def test_quantiles_of_forecasts_begin_at_the_residuals(
    name: str, transform: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    y = 100 * np.exp(0.2 * rng.normal(size=400))
    data = series_data([y], window=8, horizon=2)
    outputs = replace(data.outputs, distribution=True, quantiles=(0.5, 0.05, 0.25, 0.75, 0.95))
    data = replace(data, outputs=outputs)
    settings = {**SPREAD[name], "transform": transform}
    model = build_model(RunConfig(model=name, data="x", set=settings, loss="quantile"), data, 0)
    spread = distribution_model(model)
    quantiles = keras.ops.convert_to_numpy(spread(data.valid.inputs()))
    assert quantiles.shape == (len(data.valid), 5, 2, 1)
    ordered = quantiles[:, [1, 2, 0, 3, 4]]
    assert (np.diff(ordered, axis=1) > 0).all()
    below = (data.valid.targets[:, None] < ordered).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(below[[0, 1, 3, 4]], [0.05, 0.25, 0.75, 0.95], atol=0.03)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    loaded = keras.ops.convert_to_numpy(distribution_model(again)(data.valid.inputs()))
    np.testing.assert_allclose(loaded, quantiles, rtol=1e-5)
    assert levels_of(again) == (0.5, 0.05, 0.25, 0.75, 0.95)

    crps, _ = score_model(model, data, "crps", ("crps",))
    asked = (0.05, 0.25, 0.5, 0.75, 0.95)
    each = crps_quantiles(data.valid.targets.astype("float64"), ordered, asked)
    assert crps == pytest.approx(each.mean(), rel=1e-4), "a search scores distributions, too"


def test_unknown_steps_do_not_count_in_the_pinball() -> None:
    y_true = np.array([[[1.0], [np.nan]]], "float32")
    y_pred = np.array([[[[0.0], [5.0]], [[2.0], [9.0]]]], "float32")
    cost = keras.ops.convert_to_numpy(Pinball((2.0,), (0.5, 0.9)).call(y_true, y_pred))
    np.testing.assert_allclose(cost, [(0.5 * 0.5 + 0.1 * 0.5) / 2], rtol=1e-6)


def test_models_without_such_a_head_are_named() -> None:
    data = series_data([np.arange(60.0)], window=4)
    outputs = replace(data.outputs, distribution=True, quantiles=(0.5, 0.1, 0.9))
    config = RunConfig(model="rnn", data="x", set={"head": "decoder"}, loss="quantile")
    with pytest.raises(UsageError, match="rnn has no head for --loss quantile"):
        build_model(config, replace(data, outputs=outputs), 0)
