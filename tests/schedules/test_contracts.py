"""What every schedule plug-in keeps to."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.training.loop.early_stopping import Watch
from mlzoo.training.optimizers import scheduled
from tests.plugins import check_config
from tests.training.made import config

NAMES = registry.names("schedule")
SETTINGS = {"cosine": {"warmup": 2}, "step": {"decay_every": 2}}


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_documented_and_agree_with_the_run(name: str) -> None:
    check_config("schedule", name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.backends
def test_numpy_and_keras_agree_on_every_step(name: str) -> None:
    run = config(schedule=name, epochs=6, learning_rate=0.5, **SETTINGS.get(name, {}))
    plugin = registry.load("schedule", name)
    chosen = plugin.Config(**SETTINGS.get(name, {}))
    schedule = plugin.build(chosen, 0.5, 6, 4)
    steps = np.arange(24, dtype="float64")
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        expected = [float(keras.ops.convert_to_numpy(schedule(step))) for step in steps]
        again = keras.optimizers.schedules.deserialize(
            keras.optimizers.schedules.serialize(schedule)
        )
        assert again.get_config() == schedule.get_config()
    else:
        expected = [float(schedule)] * 24
    np.testing.assert_allclose(scheduled(run, 0.5, 4, steps), expected, rtol=1e-5, atol=1e-7)
    assert max(expected) == pytest.approx(0.5) and min(expected) >= 0


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_the_monitor_says_so(name: str) -> None:
    plugin = registry.load("schedule", name)
    monitors = bool(registry.constants("schedule", name).get("MONITORS"))
    assert monitors == hasattr(plugin, "after_epoch")
    if not monitors:
        return
    watch, rates = Watch("val_loss", "min"), [0.8]
    for epoch, value in enumerate([1.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.7], 1):
        watch.see(epoch, value)
        rates.append(plugin.after_epoch(plugin.Config(), rates[-1], watch))
    assert rates[:5] == [0.8] * 5 and rates[5:] == [0.4] * 3
