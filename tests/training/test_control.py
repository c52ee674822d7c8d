"""Models that learn from episodes which they play."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from mlzoo.core import registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.samples import Data
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.networks import StepContext
from mlzoo.runs import datasets, devices
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.control.fitting import ControlTraining
from mlzoo.training.control.replay import ReplayMemory
from mlzoo.training.loop.training import Fitted, Training
from mlzoo.training.signals import Stop

SMALL = {"hidden": [16], "filters": [4, 4], "environments": 8, "steps": 160}
DQN = {**SMALL, "warmup_steps": 40, "target_every": 3, "memory": 150}


def config(model: str = "dqn", **more) -> RunConfig:
    fields = {"epochs": 3, "learning_rate": 1e-2, "batch_size": 16, "checkpoint_every": 0.0}
    return RunConfig(model=model, data="grid-snake", set=DQN, **(fields | more))


@pytest.fixture(scope="module")
def snake() -> Data:
    devices.prepare()
    return datasets.load(config())


class Signal(Listener):
    """Send a signal after an epoch."""

    def __init__(self, stop: Stop, epoch: int) -> None:
        self.stop, self.after = stop, epoch

    def epoch(self, row) -> None:
        if row["epoch"] == self.after:
            self.stop.signal = 2


def fit(data: Data, chosen: RunConfig, folder: Path, stop_after: int = 0) -> tuple[Fitted, str]:
    model, stop = build_model(chosen, data, 0), Stop()
    listener = Signal(stop, stop_after)
    fitted = ControlTraining(model, data, chosen, folder, 0, listener, stop).fit()
    return fitted, checkpoints.weights_sha256(model)


def specs() -> tuple[Inputs, Outputs]:
    scaling = [keras.layers.serialize(keras.layers.Rescaling(1.0, name="scaling"))]
    return Inputs((3, 3, 2), "image", scaling=scaling), Outputs("control", 4)


def test_the_memory_keeps_the_latest_and_draws_from_all() -> None:
    memory = ReplayMemory(5)
    for start in (0, 3):
        memory.add(x=np.arange(start, start + 3), y=np.arange(start, start + 3) * 2.0)
    assert len(memory) == 5
    drawn = memory.sample(np.random.default_rng(0), 200)
    assert {*drawn["x"].tolist()} == {1, 2, 3, 4, 5}
    np.testing.assert_array_equal(drawn["y"], drawn["x"] * 2.0)
    again = ReplayMemory(5)
    again.restore(memory.state())
    for each in (memory, again):
        each.add(x=np.array([9]), y=np.array([18.0]))
    one, other = (m.sample(np.random.default_rng(1), 50)["x"] for m in (memory, again))
    np.testing.assert_array_equal(one, other)


@pytest.mark.backends
@pytest.mark.parametrize("double", [False, True])
def test_the_loss_is_the_bellman_error(double: bool) -> None:
    plugin, (inputs, outputs) = registry.load("model", "dqn"), specs()
    settings = plugin.Config(**{**DQN, "double": double, "dueling": double, "discount": 0.5})
    networks = plugin.networks(settings, inputs, outputs)
    rng = np.random.default_rng(0)
    networks["target"].set_weights([w + 0.3 for w in networks["target"].get_weights()])
    seen, following = rng.normal(size=(2, 6, 3, 3, 2)).astype("float32")
    actions = np.array([0, 1, 2, 3, 0, 1], "int32")
    batch = {
        "observation": seen,
        "following": following,
        "reward": rng.normal(size=6).astype("float32"),
        "ended": np.array([0, 0, 0, 0, 1, 1], "float32"),
    }
    now, online, target = (
        np.asarray(keras.ops.convert_to_numpy(networks[name](x)))
        for name, x in (("online", seen), ("online", following), ("target", following))
    )
    best = (online if double else target).argmax(axis=1)
    ahead = target[np.arange(6), best] * (1 - batch["ended"])
    error = np.abs(now[np.arange(6), actions] - batch["reward"] - 0.5 * ahead)
    expected = np.where(error < 1, error**2 / 2, error - 0.5).mean()
    [objective] = plugin.objectives(settings, inputs, outputs)
    context = StepContext(keras.random.SeedGenerator(0), 0.0, 0.0, True)
    terms = objective.loss(networks, batch, actions, context)
    assert float(terms["loss"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.backends
def test_a_training_that_is_stopped_or_killed_ends_with_the_same_weights(
    snake: Data, tmp_path: Path
) -> None:
    chosen = config()
    fitted, whole = fit(snake, chosen, tmp_path / "whole")
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3]
    assert fitted.value == max(row["val_return"] for row in fitted.history)
    with pytest.raises(Interrupted):
        fit(snake, chosen, tmp_path / "stopped", stop_after=1)
    assert fit(snake, chosen, tmp_path / "stopped")[1] == whole
    # Killed after the checkpoint of epoch 1, with epoch 2 lost.
    for file in (tmp_path / "stopped").glob("state-00000000[23].*"):
        file.unlink()
    again, weights = fit(snake, chosen, tmp_path / "stopped")
    assert weights == whole and again.history == fitted.history


def test_other_loops_refuse_episodes(snake: Data, tmp_path: Path) -> None:
    chosen = config()
    model = build_model(chosen, snake, 0)
    with pytest.raises(UsageError, match="learns from episodes that it plays"):
        Training(model, snake, chosen, tmp_path, 0, Listener(), Stop())
