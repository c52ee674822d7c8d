"""Environments: their rules, that a seed decides an episode, and exact optima."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlzoo.baselines.q_learning import learned_values
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data import loading
from mlzoo.data.environments.environment import (
    held_out_seeds,
    play,
    training_seeds,
    uniform_policy,
    uniforms,
)
from mlzoo.data.environments.finite import FiniteEnvironment, reference_returns, states_of
from mlzoo.data.environments.grid_world import GridMap, grid_world, read_grid_world
from mlzoo.data.environments.grids import MOVES
from mlzoo.data.environments.snake import grid_snake
from mlzoo.data.environments.stacked import StackedEnvironment

SNAKE = grid_snake()


def head_and_apple(observation: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    (head,), (apple,) = (np.argwhere(observation[..., layer]).tolist() for layer in (0, 1))
    return tuple(head), tuple(apple)


def test_the_snake_moves_eats_and_dies_as_its_rules_say() -> None:
    rng, seeds = np.random.default_rng(0), np.arange(400)
    episodes, moves = SNAKE.start(seeds), list(MOVES.values())
    eaten = 0
    for _ in range(12):
        before, actions = episodes.observations, rng.integers(4, size=len(seeds))
        dead = SNAKE.terminal[episodes.states]
        step = episodes.step(actions)
        for i in np.flatnonzero(~dead):
            (row, column), apple = head_and_apple(before[i])
            to = (row + moves[actions[i]][0], column + moves[actions[i]][1])
            if not (0 <= to[0] < 6 and 0 <= to[1] < 6):
                assert step.rewards[i] == -1 and step.ended[i]
                continue
            assert not step.ended[i]
            now = head_and_apple(episodes.observations[i])
            assert now[0] == to and now[1] != to
            assert step.rewards[i] == pytest.approx(0.99 if to == apple else -0.01)
            assert to == apple or now[1] == apple
            eaten += to == apple
        assert (step.rewards[dead] == 0).all() and step.ended[dead].all()
    assert eaten > 20


def test_an_episode_is_cut_after_its_steps_and_lies_still() -> None:
    quick = replace(grid_snake(), limit=3)
    episodes = quick.start(np.arange(50))
    steps = [episodes.step(np.full(50, i % 2)) for i in range(5)]
    alive = ~steps[2].ended
    assert alive.any() and steps[2].cut[alive].all() and not steps[1].cut.any()
    assert (steps[4].rewards == 0).all() and (episodes.steps <= 3).all()


def test_a_seed_decides_an_episode_whatever_is_played_beside_it() -> None:
    optimum = SNAKE.optimum

    def policy(episodes):
        return optimum.actions[50, states_of(episodes)]

    together = play(SNAKE, np.array([5, 6, 7]), policy)
    alone = play(SNAKE, np.array([7]), policy)
    assert together.returns[2] == alone.returns[0] != together.returns[1]


def test_random_numbers_are_uniform_and_independent() -> None:
    seeds, steps = (array.ravel() for array in np.meshgrid(np.arange(300), np.arange(100)))
    drawn = uniforms(seeds, steps).reshape(100, 300)
    assert 0 <= drawn.min() and drawn.max() < 1
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert ((counts - 1500) ** 2 / 1500).sum() < 43.8, "chi-squared of 19 degrees, 0.1 %"
    for one, other in ((drawn[1:], drawn[:-1]), (drawn[:, 1:], drawn[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02


def test_seeds_of_held_out_episodes_are_never_trained_on() -> None:
    held_out, training = held_out_seeds(3, 500), training_seeds(3, np.arange(100_000))
    assert len({*held_out}) == 500 and held_out.min() > training.max()
    assert len({*training}) == 100_000


def test_episodes_go_on_from_their_state() -> None:
    rng = np.random.default_rng(0)
    actions = rng.integers(4, size=(10, 30))
    episodes, again = SNAKE.start(np.arange(30)), SNAKE.start(np.arange(30) + 100)
    for row in actions[:5]:
        episodes.step(row)
    again.restore({name: array.copy() for name, array in episodes.state().items()})
    for row in actions[5:]:
        one, other = episodes.step(row), again.step(row)
        np.testing.assert_array_equal(one.rewards, other.rewards)
    np.testing.assert_array_equal(episodes.observations, again.observations)


def chain(limit: int) -> FiniteEnvironment:
    """Two states and the end: from 0, `stay` gives .1; `go` leads to 1 with .8, where it gives 1
    and ends."""
    outcomes = np.array([[[0, 0], [1, 0]], [[1, 1], [2, 2]], [[2, 2], [2, 2]]])
    probabilities = np.array([[[1, 0], [0.8, 0.2]], [[1, 0], [1, 0]], [[1, 0], [1, 0]]])
    rewards = np.zeros((3, 2, 2))
    rewards[0, 0], rewards[1, 1] = 0.1, 1.0
    return replace(
        grid_snake(2),
        actions=("stay", "go"),
        outcomes=outcomes,
        probabilities=probabilities,
        rewards=rewards,
        terminal=np.array([False, False, True]),
        first=np.array([1.0, 0.0, 0.0]),
        frames=np.eye(3),
        limit=limit,
    )


def test_value_iteration_is_exact_by_hand() -> None:
    # One step left: stay, .1. Two: go and go again, .8, and 0.2 of what one stay would have been.
    optimum = chain(3).optimum
    assert optimum.values[1].tolist() == pytest.approx([0.1, 1.0, 0.0])
    assert optimum.values[2].tolist() == pytest.approx([0.82, 1.0, 0.0])
    assert optimum.expected == pytest.approx(max(0.1 + 0.82, 0.8 + 0.2 * 0.82))
    random = reference_returns(chain(2))[0]
    assert random == pytest.approx(0.5 * (0.1 + 0.05) + 0.5 * (0.8 * 0.5 + 0.2 * 0.05))


def test_the_optimum_of_grid_snake_is_what_its_policy_reaches() -> None:
    random, optimum = reference_returns(SNAKE)
    assert optimum == pytest.approx(23.765, abs=1e-3) and random == pytest.approx(-0.925, abs=1e-3)
    best = SNAKE.optimum.actions
    played = play(
        SNAKE,
        held_out_seeds(0, 1500),
        lambda e: best[np.maximum(99 - e.steps, 0), states_of(e)],
    )
    error = played.returns.std() / np.sqrt(1500)
    assert abs(played.returns.mean() - optimum) < 4 * error
    dull = play(SNAKE, np.arange(1500), uniform_policy(SNAKE, np.random.default_rng(1)))
    assert abs(dull.returns.mean() - random) < 4 * dull.returns.std() / np.sqrt(1500)


@pytest.mark.parametrize("name", ["grid-snake", "grid-world"])
def test_tabular_q_learning_comes_near_the_optimum(name: str) -> None:
    """In grid-world all episodes begin in one state, whose value they change together."""
    world = loading.read(RunConfig(model="dqn", data="grid-world")).environment
    small = replace(grid_snake(3), limit=30) if name == "grid-snake" else world
    assert isinstance(small, FiniteEnvironment)
    values = learned_values(small, 0)
    played = play(small, held_out_seeds(1, 300), lambda e: values[states_of(e)].argmax(axis=1))
    random, optimum = reference_returns(small)
    assert (played.returns.mean() - random) / (optimum - random) > 0.9


def test_episodes_are_samples() -> None:
    samples = loading.read(RunConfig(model="dqn", data="grid_snake"))
    assert samples.inputs.shape == (264, 6, 6, 2) and samples.inputs.dtype == np.uint8
    assert (samples.given_parts == "test").sum() == 100
    assert samples.targets.min() >= 2**30
    shown = samples.inputs.reshape(264, 36, 2).sum(axis=1)
    assert (shown == 1).all(), "observations before an episode's end"
    assert 150 < len({x.tobytes() for x in samples.inputs})


WORLD = """\
map: |
  ...G
  .#.X
  S...
ends: {G: 1, X: -1}
step: -0.04
slip: 0.2
"""


def test_a_grid_world_is_a_file_of_its_map(tmp_path: Path) -> None:
    (tmp_path / "world.yaml").write_text(WORLD)
    file = str(tmp_path / "world.yaml")
    assert loading.recognize(file) == "environment"
    assert loading.recognize("grid-world") == "environment"
    samples = loading.read(RunConfig(model="dqn", data=file))
    assert samples.inputs.shape[1:] == (3, 4, 1)
    assert samples.environment is not None and samples.environment.limit == 100
    # Russell and Norvig's utility of the start is .705, with the step into G counted too.
    world = read_grid_world(tmp_path / "world.yaml")
    assert world.optimum.expected == pytest.approx(0.705 + 0.04, abs=1e-3)
    assert [world.actions[a] for a in world.optimum.actions[-1][:3]] == ["right"] * 3


def test_actions_in_a_grid_world_slip_to_their_sides() -> None:
    world = grid_world(GridMap(map="...\n.S.\n..G", slip=0.3))
    start = int(world.first.argmax())
    episodes = world.start(np.arange(4000))
    assert (episodes.states == start).all()
    episodes.step(np.zeros(4000, int))
    places, counts = np.unique(world.places[episodes.states], return_counts=True)
    assert places.tolist() == [1, 3, 5] and counts[0] == pytest.approx(2800, abs=120)


def test_walls_and_borders_hold_the_agent_back() -> None:
    world = grid_world(GridMap(map="S#G\n...", step=-0.5))
    episodes = world.start(np.arange(2))
    step = episodes.step(np.array([0, 1]))
    assert (world.places[episodes.states] == 0).all() and (step.rewards == -0.5).all()
    for action in (2, 1, 1, 0):
        step = episodes.step(np.full(2, action))
    assert step.ended.all() and (step.rewards == 1).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map: |\n  S..\n  .G", "different lengths"),
        ("map: |\n  S.Q\n  ..G", "Q are no cells"),
        ("map: |\n  ...\n  ..G", "needs a start"),
        ("map: |\n  S.G\nslip: 2", "slip"),
        ("map: |\n  S.G\nwind: 2", "wind"),
        ("map: [", "YAML"),
    ],
)
def test_what_is_wrong_with_a_map_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "world.yaml").write_text(text)
    with pytest.raises(DataError, match=message):
        read_grid_world(tmp_path / "world.yaml")


def test_episodes_of_gymnasium_go_on_where_they_were() -> None:
    pytest.importorskip("gymnasium", reason="the extra rl is not installed")
    from mlzoo.data.environments.gymnasium import gymnasium_environment

    cart = gymnasium_environment("CartPole-v1")
    assert (cart.shape, cart.actions, cart.limit) == ((4,), ("left", "right"), 500)
    rng = np.random.default_rng(0)
    actions = rng.integers(2, size=(60, 6))
    episodes = cart.start(np.arange(6))
    steps = [episodes.step(row) for row in actions[:12]]
    assert (np.stack([step.rewards for step in steps])[:5] == 1).all()
    again = cart.start(np.arange(6) + 50)
    again.restore({name: array.copy() for name, array in episodes.state().items()})
    np.testing.assert_array_equal(again.observations, episodes.observations)
    for row in actions[12:]:
        one, other = episodes.step(row), again.step(row)
        np.testing.assert_array_equal(one.rewards, other.rewards)
        np.testing.assert_array_equal(one.ended, other.ended)
    np.testing.assert_array_equal(again.observations, episodes.observations)
    assert one.ended.all() and (one.rewards == 0).all(), "random actions let the pole fall"
    picture = cart.picture(episodes.observations[0])
    assert picture is not None and picture.shape == (120, 240, 3)


def test_states_of_gymnasium_are_vectors_and_names_are_checked() -> None:
    pytest.importorskip("gymnasium", reason="the extra rl is not installed")
    from mlzoo.data.environments.gymnasium import gymnasium_environment

    lake = gymnasium_environment("FrozenLake-v1")
    episodes = lake.start(np.arange(3))
    assert lake.shape == (16,) and (episodes.observations.argmax(axis=1) == 0).all()
    with pytest.raises(UsageError, match="can't make it"):
        gymnasium_environment("NoSuchThing-v9")
    with pytest.raises(UsageError, match="choose one of several"):
        gymnasium_environment("Pendulum-v1")


def test_stacked_observations_are_the_latest_ones_and_resume() -> None:
    stacked = StackedEnvironment(SNAKE, 3)
    assert stacked.shape == (6, 6, 6) and stacked.actions == SNAKE.actions
    seeds = np.arange(20)
    plain, episodes = SNAKE.start(seeds), stacked.start(seeds)
    first = plain.observations
    np.testing.assert_array_equal(episodes.observations, np.concatenate([first] * 3, axis=-1))
    rng, seen = np.random.default_rng(0), [first, first, first]
    kept = episodes.state()
    for _ in range(8):
        actions = rng.integers(4, size=20)
        before = plain.steps.copy()
        ours, theirs = episodes.step(actions), plain.step(actions)
        np.testing.assert_array_equal(ours.rewards, theirs.rewards)
        seen = [*seen[1:], plain.observations]
        going = plain.steps > before
        expected = np.concatenate(seen, axis=-1)
        np.testing.assert_array_equal(episodes.observations[going], expected[going])
    np.testing.assert_array_equal(
        stacked.picture(episodes.observations[0]), SNAKE.picture(plain.observations[0])
    )
    other = stacked.start(seeds + 100)
    other.restore(kept)
    np.testing.assert_array_equal(other.observations, np.concatenate([first] * 3, axis=-1))
    other.restart(np.array([4]), np.array([7]))
    np.testing.assert_array_equal(other.observations[4, ..., :2], other.observations[4, ..., 4:])


def test_frames_are_stacked_where_one_does_not_tell_all() -> None:
    with pytest.raises(UsageError, match="tells all there is to know"):
        loading.read(RunConfig(model="dqn", data="grid-snake", source_set={"frames": 4}))
    pytest.importorskip("gymnasium", reason="the extra rl is not installed")
    config = RunConfig(model="dqn", data="CartPole-v1", source_set={"frames": 4})
    samples = loading.read(config)
    assert samples.inputs.shape[1:] == (16,)
    assert loading.read(RunConfig(model="dqn", data="CartPole-v1")).inputs.shape[1:] == (4,)


def test_four_images_are_seen_together() -> None:
    gymnasium = pytest.importorskip("gymnasium", reason="the extra rl is not installed")

    class Ball(gymnasium.Env):
        """A bright pixel that moves to the right, at 1 to 3 pixels a step."""

        observation_space = gymnasium.spaces.Box(0, 255, (8, 30, 1), np.uint8)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.place, self.speed = 0, int(self.np_random.integers(1, 4))
            return self._seen(), {}

        def step(self, action):
            self.place += self.speed
            return self._seen(), 1.0, self.place > 20, False, {}

        def _seen(self):
            image = np.zeros((8, 30, 1), np.uint8)
            image[4, self.place] = 255
            return image

    gymnasium.register("Ball-v0", Ball, max_episode_steps=50)
    try:
        given = {"model": "dqn", "data": "Ball-v0", "source": "environment"}
        samples = loading.read(RunConfig(**given))
        assert samples.inputs.shape[1:] == (8, 30, 4) and samples.maximum == 255
        assert samples.environment is not None
        episodes = samples.environment.start(np.arange(5))
        for _ in range(3):
            episodes.step(np.zeros(5, int))
        places = episodes.observations[:, 4].argmax(axis=1)
        speeds = np.diff(places, axis=1)
        assert len({*speeds[:, 0].tolist()}) > 1 and (speeds == speeds[:, :1]).all()
        single = RunConfig(**given, source_set={"frames": 1})
        assert loading.read(single).inputs.shape[1:] == (8, 30, 1)
    finally:
        del gymnasium.registry["Ball-v0"]
