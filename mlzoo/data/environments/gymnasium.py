"""Environments of Gymnasium, an optional dependency.

They have no state of their own to save, so that an episode's seed and actions are kept, and played
again where it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.data.environments.cart_pole import paint
from mlzoo.data.environments.environment import Transitions

NAMES = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "FrozenLake-v1", "Taxi-v4")
_LIMIT = 1000
"""Steps after which an episode is cut where the environment has no limit."""
_ACTIONS = {"CartPole-v1": ("left", "right"), "MountainCar-v0": ("left", "none", "right")}


@dataclass(frozen=True)
class GymnasiumEnvironment:
    """An environment of Gymnasium with discrete actions; see `Environment`.

    Attributes:
        name: as Gymnasium registers it.
        shape: of an observation; of one of n states, n.
        actions: their names, or their numbers.
        limit: steps after which an episode is cut.
        maximum: 255 where observations are images.
        states: how many, where an observation is the number of one; else 0.
    """

    name: str
    shape: tuple[int, ...]
    actions: tuple[str, ...]
    limit: int
    maximum: float | None
    states: int = field(default=0)

    def start(self, seeds: np.ndarray) -> GymnasiumEpisodes:
        """Begin an episode for each of some seeds (n,)."""
        episodes = GymnasiumEpisodes(self, len(seeds))
        episodes.restart(np.arange(len(seeds)), seeds)
        return episodes

    def observe(self, observation: Any) -> np.ndarray:
        """Return an observation as an array; the number of a state as 1 in its place."""
        if self.states:
            return np.eye(1, self.states, int(observation), dtype="float32")[0]
        return np.asarray(observation, "uint8" if self.maximum else "float32")

    def picture(self, observation: np.ndarray) -> np.ndarray | None:
        """Draw an observation: frames as they are, a cart with its pole; nothing else."""
        if self.maximum and observation.shape[-1] == 3:
            return observation
        return paint(observation) if self.name.startswith("CartPole") else None


def gymnasium_environment(name: str) -> GymnasiumEnvironment:
    """Return an environment by its name.

    Raises:
        UsageError: Gymnasium is not installed, has no such environment, or its actions or
            observations are of another kind.
    """
    made = _make(name)
    import gymnasium.spaces as spaces

    if not isinstance(made.action_space, spaces.Discrete):
        raise UsageError(
            f"{name} has actions {made.action_space}, and models of control choose one of several; "
            f"choose an environment such as {NAMES[0]}"
        )
    seen, states, maximum = made.observation_space, 0, None
    if isinstance(seen, spaces.Discrete):
        states = int(seen.n)
    elif not isinstance(seen, spaces.Box) or len(seen.shape) not in (1, 3):
        raise UsageError(
            f"{name} has observations {seen}, and models of control take vectors, images or the "
            f"number of a state; choose an environment such as {NAMES[0]}"
        )
    elif seen.dtype == np.uint8 and len(seen.shape) == 3:
        maximum = 255.0
    count = int(made.action_space.n)
    return GymnasiumEnvironment(
        name=name,
        shape=(states,) if states else tuple(seen.shape),
        actions=_ACTIONS.get(name, tuple(f"action{number}" for number in range(count))),
        limit=int(made.spec.max_episode_steps or _LIMIT),
        maximum=maximum,
        states=states,
    )


def _make(name: str) -> Any:
    try:
        import gymnasium
    except ImportError:
        raise UsageError(
            f"{name} is an environment of Gymnasium, which is not installed; install it with "
            '`pip install "mlzoo-keras[rl]"`, or choose grid-snake'
        ) from None
    try:
        return gymnasium.make(name, disable_env_checker=True)
    except gymnasium.error.Error as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{name}: Gymnasium can't make it: {reason}") from None


class GymnasiumEpisodes:
    """Episodes of an environment of Gymnasium; see `Episodes`.

    Attributes:
        observations: (n, *shape) present ones.
        steps: (n,) steps taken.
    """

    def __init__(self, environment: GymnasiumEnvironment, count: int) -> None:
        self.environment = environment
        self._made = [_make(environment.name) for _ in range(count)]
        dtype = "uint8" if environment.maximum else "float32"
        self.observations = np.zeros((count, *environment.shape), dtype)
        self.steps, self._seeds = np.zeros((2, count), "int64")
        self._actions = np.zeros((count, environment.limit), "int16")
        self._ended = np.zeros(count, bool)

    def restart(self, which: np.ndarray, seeds: np.ndarray) -> None:
        """Begin anew at positions (m,) with seeds (m,)."""
        for i, seed in zip(which.tolist(), seeds.tolist(), strict=True):
            observation, _ = self._made[i].reset(seed=seed)
            self.observations[i] = self.environment.observe(observation)
        self.steps[which], self._seeds[which], self._ended[which] = 0, seeds, False

    def step(self, actions: np.ndarray) -> Transitions:
        """Take an action (n,) in each."""
        rewards = np.zeros(len(self.steps))
        limit = self.environment.limit
        for i in np.flatnonzero(~self._ended & (self.steps < limit)).tolist():
            rewards[i] = self._act(i, int(actions[i]))
            self._actions[i, self.steps[i]] = actions[i]
            self.steps[i] += 1
        return Transitions(rewards, self._ended.copy(), ~self._ended & (self.steps >= limit))

    def _act(self, i: int, action: int) -> float:
        """Take an action in one episode; return the reward."""
        offset = int(self._made[i].action_space.start)
        observation, reward, ended, _, _ = self._made[i].step(offset + action)
        self.observations[i], self._ended[i] = self.environment.observe(observation), ended
        return float(reward)

    def state(self) -> dict[str, np.ndarray]:
        """Return seeds, steps taken and actions of the episodes."""
        return {"seeds": self._seeds, "steps": self.steps, "actions": self._actions}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Play the episodes that `state` returned again, to where they were."""
        steps, actions = np.array(state["steps"], "int64"), state["actions"]
        self.restart(np.arange(len(steps)), np.array(state["seeds"], "int64"))
        for i, count in enumerate(steps.tolist()):
            for action in actions[i, :count].tolist():
                self._act(i, action)
        self.steps, self._actions = steps, np.array(actions, "int16")
