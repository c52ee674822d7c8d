"""Forecasts by rnn, tcn and nlinear: start, normalization, shortcut, recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.data.samples import Data
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.training.building import build_model
from tests.contracts import ELSEWHERE, NUMBERS, ModelCase, outcome
from tests.tasks.made_forecasts import series_data

SMALL: dict[str, dict[str, Any]] = {
    "nlinear": {},
    "patchtst": {"width": 4, "heads": 2, "layers": 1, "shortcut": "linear"},
    "rnn": {"units": [4], "shortcut": "linear", "normalize_window": "last"},
    "tcn": {"filters": 4, "blocks": 1, "shortcut": "linear", "normalize_window": "standard"},
}


def growing(count: int = 80, channels: int = 1) -> Data:
    """Growth in percent with a season of 6 steps."""
    t = np.arange(count)
    y = 100 * np.exp(0.03 * t + 0.3 * np.sin(t * np.pi / 3))
    others = np.random.default_rng(0).normal(size=(count, channels - 1))
    return series_data([np.c_[y, others]], window=12, horizon=4, season=6)


def build(name: str, data: Data, **settings: Any) -> keras.Model:
    config = RunConfig(model=name, data="x", set={**SMALL[name], **settings})
    return build_model(config, data, 0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SMALL)
def test_an_untrained_model_forecasts_well(name: str, channels: int, tmp_path: Path) -> None:
    data = growing(channels=channels)
    model = build(name, data, transform="log")
    x, truth = data.test.inputs(), data.test.targets
    said = outcome(model, x)
    assert np.abs(said / truth - 1).mean() < 0.02
    assert np.abs(x[:, -1:, :1] / truth - 1).mean() > 0.2
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(outcome(loaded, x), said, rtol=1e-5)


@pytest.mark.parametrize("kind", ["last", "standard"])
def test_a_shifted_window_shifts_the_forecast(kind: str) -> None:
    data = growing()
    model = build("rnn", data, normalize_window=kind, shortcut="none")
    x = data.test.inputs()
    np.testing.assert_allclose(outcome(model, x + 500), outcome(model, x) + 500, rtol=1e-3)
    if kind == "standard":
        np.testing.assert_allclose(outcome(model, 8 * x), 8 * outcome(model, x), rtol=1e-2)


@pytest.mark.parametrize("name", SMALL)
def test_the_recipe_knows_growth_in_percent(name: str) -> None:
    plugin = registry.load("model", name)
    recipe = plugin.recipe(growing(), RunConfig(model=name, data="x"))
    expected = {"transform": "log", "normalize_window": "last", "shortcut": "linear", "season": 6}
    assert recipe.settings == {k: v for k, v in expected.items() if k in plugin.Config.model_fields}
    assert recipe.reason.endswith("growth in percent, a drifting level")
    # 33 training windows, where 1,000 are enough for the usual rate of .001.
    assert recipe.fields == {"learning_rate": 3.3e-05}
    noise = series_data([np.random.default_rng(0).normal(size=300)], window=8)
    settings = plugin.recipe(noise, RunConfig(model=name, data="x")).settings
    assert (settings["transform"], settings["season"]) == ("none", 1)
    demand = np.where(np.arange(200) % 3 == 0, 4.0, 0.0)
    recipe = plugin.recipe(series_data([demand], window=8), RunConfig(model=name, data="x"))
    assert recipe.fields["loss"] == "mae" and "medians" in recipe.why["loss"]


def test_the_recipe_leaves_what_was_chosen() -> None:
    plugin = registry.load("model", "rnn")
    for settings in ({"head": "decoder"}, {"carry_state": True}, {"skip_last": False}):
        config = RunConfig(model="rnn", data="x", set=settings)
        assert plugin.recipe(growing(), config).settings == {}


def test_a_mean_season_is_added_to_an_untrained_forecast(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = 50 + np.resize([9.0, -4, 1, 6, -7, -5], 120) + rng.normal(0, 2, 120)
    data = series_data([np.c_[y, rng.normal(size=120)]], window=8, horizon=4, season=6)
    errors = {}
    for season in (1, 6):
        model = build("nlinear", data, season=season)
        x = data.test.inputs()
        errors[season] = np.abs(outcome(model, x) - data.test.targets).mean()
    assert errors[6] < 0.95 * errors[1]
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_allclose(outcome(loaded, x), outcome(model, x), rtol=1e-5)


def test_a_season_needs_the_shortcut() -> None:
    plugin = registry.load("model", "tcn")
    outputs = Outputs("forecasting", 1, (0.0,), (1.0,), 3, (0,))
    with pytest.raises(UsageError, match="season=6 has no effect without shortcut=linear"):
        plugin.build(plugin.Config(season=6), Inputs((12, 1), "sequence"), outputs)
    config = RunConfig(model="tcn", data="x", set={"shortcut": "none"})
    assert plugin.recipe(growing(), config).settings["season"] == 1


@pytest.mark.parametrize("name", ["rnn", "tcn"])
def test_settings_without_effect_are_refused(name: str) -> None:
    own = ModelCase(name, {}, ((11, 2), (9, 3)), "sequence")
    for outputs in (NUMBERS, ELSEWHERE):
        with pytest.raises(UsageError, match="shortcut: without effect here"):
            own.build(outputs, shortcut="linear")
    even = Inputs((12, 1), "sequence")
    outputs = Outputs("forecasting", 1, (0.0,), (1.0,), 3, (0,))
    plugin = registry.load("model", name)
    with pytest.raises(UsageError, match="skip_last=false has no effect with transform"):
        plugin.build(plugin.Config(transform="log", skip_last=False), even, outputs)


def test_a_decoder_has_no_shortcut() -> None:
    with pytest.raises(ValidationError, match="have no effect with head=decoder"):
        registry.load("model", "rnn").Config(head="decoder", shortcut="linear")


def test_nlinear_needs_windows_with_their_targets() -> None:
    plugin = registry.load("model", "nlinear")
    with pytest.raises(UsageError, match="that have the targets among their channels"):
        plugin.build(plugin.Config(), Inputs((12, 1), "sequence"), ELSEWHERE)
