"""Models that learn from episodes which they play."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core import fields, registry
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DivergedError, Interrupted, UsageError
from mlzoo.core.progress import Listener
from mlzoo.data.environments.finite import reference_returns
from mlzoo.data.environments.grid_world import GridMap, grid_world
from mlzoo.data.samples import Data
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.networks import StepContext
from mlzoo.runs import datasets, devices
from mlzoo.training import checkpoints
from mlzoo.training.building import build_model
from mlzoo.training.control.experience import EpisodeStream
from mlzoo.training.control.fitting import ControlTraining
from mlzoo.training.control.replay import ReplayMemory
from mlzoo.training.control.rollouts import advantages
from mlzoo.training.loop.early_stopping import Fitted
from mlzoo.training.loop.training import Training
from mlzoo.training.signals import Stop

SMALL = {"hidden": [16], "filters": [4, 4], "environments": 8, "steps": 160}
DQN = {**SMALL, "warmup_steps": 40, "target_every": 3, "memory": 150}
SETTINGS = {
    "dqn": DQN,
    "actor_critic": {**SMALL, "rollout": 10, "passes": 2},
    "reinforce": SMALL,
}


def config(model: str = "dqn", **more) -> RunConfig:
    run = {"epochs": 3, "learning_rate": 1e-2, "batch_size": 16, "checkpoint_every": 0.0}
    return RunConfig(model=model, data="grid-snake", **{**run, "set": SETTINGS[model], **more})


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
@pytest.mark.parametrize("model", SETTINGS)
def test_a_training_that_is_stopped_or_killed_ends_with_the_same_weights(
    snake: Data, tmp_path: Path, model: str
) -> None:
    chosen = config(model)
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


@pytest.mark.parametrize("model", SETTINGS)
def test_settings_are_documented(model: str) -> None:
    file = registry.source_file("model", model)
    assert file is not None and registry.summary("model", model).endswith(".")
    names = list(registry.load("model", model).Config.model_fields)
    assert [setting.name for setting in fields.settings(file)] == names
    assert not {*names} & {*RunConfig.model_fields}, "a flag means one thing"


@pytest.mark.backends
@pytest.mark.parametrize("clip", [0.0, 0.2])
def test_the_loss_of_a_policy_is_the_clipped_gain(clip: float) -> None:
    plugin, (inputs, outputs) = registry.load("model", "actor_critic"), specs()
    settings = plugin.Config(hidden=[8], filters=[4], clip=clip, entropy=0.1)
    networks = plugin.networks(settings, inputs, outputs)
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(6, 3, 3, 2)).astype("float32")
    networks["policy"].set_weights([w + 0.3 for w in networks["policy"].get_weights()])
    actions, weight = np.array([0, 1, 2, 3, 0, 1], "int32"), np.array([1, 1, 1, 1, 1, 0], "float32")
    old, gains, goals = rng.normal(size=(3, 6)).astype("float32")
    old = (np.log(0.25) + 0.5 * old).astype("float32")
    batch = {"observation": seen, "log_probability": old, "advantage": gains, "goal": goals}
    context = StepContext(keras.random.SeedGenerator(0), 0.0, 0.0, True)
    policy, value = plugin.objectives(settings, inputs, outputs)
    terms = policy.loss(networks, {**batch, "weight": weight}, actions, context)
    logits = np.asarray(keras.ops.convert_to_numpy(networks["policy"](seen)), "float64")
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    taken, kept = logs[np.arange(6), actions], slice(0, 5)
    gain = (gains - gains[kept].mean()) / gains[kept].std()
    ratio = np.exp(taken - old)
    clipped = np.minimum(ratio * gain, np.clip(ratio, 1 - clip, 1 + clip) * gain)
    objective = (clipped if clip else taken * gain)[kept].mean()
    entropy = -(np.exp(logs) * logs).sum(axis=1)[kept].mean()
    assert float(terms["loss"]) == pytest.approx(-objective - 0.1 * entropy, rel=1e-3, abs=1e-5)
    error = np.asarray(keras.ops.convert_to_numpy(networks["value"](seen)))[:, 0] - goals
    loss = value.loss(networks, {**batch, "weight": weight}, actions, context)["loss"]
    assert float(loss) == pytest.approx((error[kept] ** 2).mean(), rel=1e-3)


def test_advantages_by_hand() -> None:
    rewards = np.array([[1.0], [2.0], [4.0]])
    values, following = np.array([[0.5], [1.0], [1.5]]), np.array([[1.0], [0.0], [3.0]])
    over = np.array([[False], [True], [False]])
    gains = advantages(rewards, values, following, over, discount=0.5, trace=0.5)
    # Errors are 1, 1 and 4; the second step ended an episode, so that nothing of the third counts.
    assert gains.ravel().tolist() == [1.0 + 0.25 * 1.0, 1.0, 4.0]


@pytest.mark.slow
def test_models_learn_a_small_world(tmp_path: Path) -> None:
    """Each policy of a corridor comes near the optimum, which random actions are far from."""
    world = tmp_path / "world.yaml"
    world.write_text("map: |\n  X...S...G\nstep: -0.02\nlimit: 20\n")
    more = {
        "dqn": {"warmup_steps": 40, "target_every": 10, "exploration_epochs": 1},
        "actor_critic": {"rollout": 20, "passes": 4},
        "reinforce": {},
    }
    for model, own in more.items():
        settings = {"hidden": [32], "environments": 16, "steps": 1600, **own}
        rate = 3e-3 if model == "dqn" else 1e-2
        chosen = RunConfig(
            model=model, data=str(world), epochs=3, learning_rate=rate, batch_size=64, set=settings
        )
        data = datasets.load(chosen)
        network = build_model(chosen, data, 0)
        fitted = ControlTraining(network, data, chosen, tmp_path, 0, Listener(), Stop()).fit()
        assert data.samples.environment is not None
        assert fitted.value > 0.9, model
        assert reference_returns(data.samples.environment)[1] == pytest.approx(0.94)


@pytest.mark.parametrize(
    ("model", "schedule"),
    [("reinforce", "cosine"), ("dqn", "plateau"), ("actor_critic", "plateau")],
)
def test_schedules_that_nothing_counts_for_are_refused(
    snake: Data, tmp_path: Path, model: str, schedule: str
) -> None:
    chosen = config(model, schedule=schedule)
    network = build_model(chosen, snake, 0)
    with pytest.raises(UsageError, match=f"--schedule {schedule} is not for {model}"):
        ControlTraining(network, snake, chosen, tmp_path, 0, Listener(), Stop())


def test_the_memory_is_filled_before_the_first_update(snake: Data, tmp_path: Path) -> None:
    chosen = config(epochs=1, set={**DQN, "warmup_steps": 1000, "memory": 120})
    fitted, _ = fit(snake, chosen, tmp_path)
    assert np.isfinite(fitted.history[0]["loss"]) and fitted.kept_epoch == 1
    saved = checkpoints.newest(tmp_path)
    assert saved is not None
    played = dict(zip(reversed(saved.state["played"]), reversed(saved.arrays), strict=False))
    assert len(played["memory.reward"]) == 120 and int(played["added"]) == 120 + 160


@pytest.mark.slow
def test_the_target_network_is_reset_and_random_actions_grow_rarer(
    snake: Data, tmp_path: Path
) -> None:
    settings = {**DQN, "target_every": 30, "exploration_epochs": 2, "epsilon": 0.1}
    chosen = config(set=settings)
    model = build_model(chosen, snake, 0)
    training = ControlTraining(model, snake, chosen, tmp_path, 0, Listener(), Stop())
    networks = training.model.networks
    begun = checkpoints.weights_sha256(networks["target"])
    targets, chances = [], []
    for epoch in (1, 2, 3):  # of 20 updates each
        row = training.learner.epoch(epoch)
        targets.append(checkpoints.weights_sha256(networks["target"]))
        chances.append(row["epsilon"])
        online = checkpoints.weights_sha256(networks["online"])
        assert (targets[-1] == online) == (epoch == 3), "60 updates are twice 30"
    assert targets[0] == begun and targets[1] not in (begun, targets[2])
    falls = 0.9 / 2 / 20  # a step of all environments
    assert chances == pytest.approx([1 - 19 * falls, 1 - 39 * falls, 0.1])


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_the_training(snake: Data, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match="the loss became"):
        fit(snake, config(learning_rate=1e38, epochs=2), tmp_path)


def test_the_mean_return_is_known_where_no_episode_ended() -> None:
    corridor = grid_world(GridMap(map="S.....G", step=-0.01, limit=3))
    stream, right = EpisodeStream(corridor, 2, 0), np.array([1, 1])
    stream.step(right)
    assert stream.mean_return() == pytest.approx(-0.01), "of unfinished episodes"
    for _ in range(2):
        stream.step(right)
    assert (stream.episodes.steps == 0).all(), "begun anew"
    stream.step(right)
    assert stream.mean_return() == pytest.approx(-0.03)
    assert stream.mean_return() == pytest.approx(-0.03), "no episode ended since"
    again = EpisodeStream(corridor, 2, 5)
    again.restore(stream.state())
    assert again.mean_return() == pytest.approx(-0.03)
    np.testing.assert_array_equal(again.episodes.steps, stream.episodes.steps)


@pytest.mark.slow
def test_an_agent_is_trained_again_with_each_seed_and_scored_by_the_mean(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium", reason="the extra rl is not installed")
    small = {"hidden": [8], "environments": 4, "steps": 80, "rollout": 10, "passes": 1}
    more = {"epochs": 1, "batch_size": 16, "baselines": "none", "pictures": "none"}
    given = {"model": "actor_critic", "data": "CartPole-v1", "set": small, "out": str(tmp_path)}
    run = mlzoo.train(**given, **more, repeats=2, seed=3)
    repeats = run.metrics["repeats"]
    first, second = repeats["trainings"]
    assert (first["seed"], second["seed"]) == (3, 4)
    assert first["weights_sha256"] != second["weights_sha256"]
    returns = [each["test"]["metrics"]["mean_return"] for each in (first, second)]
    assert min(returns) > 5, "a step that the pole stands is worth 1"
    assert repeats["summary"]["mean_return"]["mean"] == pytest.approx(np.mean(returns))
    assert run.metrics["test"]["metrics"]["mean_return"] == returns[0]
    assert run.evaluate()["metrics"]["mean_return"] == returns[0]
