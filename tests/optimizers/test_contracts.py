"""What every optimizer plug-in keeps to."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.validation.values import is_full_batch
from tests.plugins import check_config

NAMES = registry.names("optimizer")
BY_STEPS = [name for name in NAMES if not is_full_batch(name)]
FULL_BATCH = [name for name in NAMES if is_full_batch(name)]


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_documented_and_agree_with_the_run(name: str) -> None:
    check_config("optimizer", name)


@pytest.mark.parametrize("name", BY_STEPS)
def test_the_default_rate_is_written_as_a_number(name: str) -> None:
    rate = registry.constants("optimizer", name)["LEARNING_RATE"]
    assert rate > 0
    assert RunConfig(model="linear", data="-", optimizer=name).rate == rate
    assert rate == registry.load("optimizer", name).LEARNING_RATE


@pytest.mark.parametrize("name", BY_STEPS)
@pytest.mark.backends
def test_it_takes_what_every_optimizer_takes_and_is_saved(name: str) -> None:
    plugin = registry.load("optimizer", name)
    rule = plugin.build(plugin.Config(), 0.25, global_clipnorm=2.0, gradient_accumulation_steps=3)
    config = rule.get_config()
    assert (config["learning_rate"], config["global_clipnorm"]) == (0.25, 2.0)
    assert config["gradient_accumulation_steps"] == 3
    again = keras.optimizers.deserialize(keras.optimizers.serialize(rule))
    assert again.get_config() == config


@pytest.mark.parametrize("name", FULL_BATCH)
def test_what_takes_the_whole_split_finds_a_minimum_and_can_be_stopped(name: str) -> None:
    plugin = registry.load("optimizer", name)
    minimize = plugin.build(plugin.Config())
    target, seen = np.array([1.0, -2.0]), []

    def bowl(point: np.ndarray) -> tuple[float, np.ndarray]:
        scale = np.array([1.0, 10.0])
        return float(scale @ (point - target) ** 2), 2 * scale * (point - target)

    end, reason = minimize(bowl, np.zeros(2), 50, lambda point: seen.append(point.copy()))
    np.testing.assert_allclose(end, target, atol=1e-5)
    assert reason == "converged" and 1 < len(seen) < 50
    _, reason = minimize(bowl, np.zeros(2), 1, seen.append)
    assert reason == "stopped after 1 iterations, before it converged"

    def stop(point: np.ndarray) -> None:
        raise StopIteration

    assert np.isfinite(minimize(bowl, np.zeros(2), 50, stop)[0]).all()
    assert registry.constants("optimizer", name)["TARGETS"] == plugin.TARGETS
