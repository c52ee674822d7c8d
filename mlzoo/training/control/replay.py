"""Learning from a memory of steps, epsilon-greedily: Mnih et al. (2015)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.runs.models import outputs_of
from mlzoo.training.control.experience import Arrays, EpisodeStream, Learner


class ReplayMemory:
    """The latest steps, drawn from uniformly.

    Args:
        capacity: steps that it holds.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._arrays: Arrays = {}
        self._added = 0

    def __len__(self) -> int:
        return min(self._added, self.capacity)

    def add(self, **steps: np.ndarray) -> None:
        """Add n steps, given as arrays (n, ...), in place of the oldest."""
        count = len(next(iter(steps.values())))
        where = (self._added + np.arange(count)) % self.capacity
        for name, values in steps.items():
            if name not in self._arrays:
                self._arrays[name] = np.zeros((self.capacity, *values.shape[1:]), values.dtype)
            self._arrays[name][where] = values
        self._added += count

    def sample(self, rng: np.random.Generator, count: int) -> Arrays:
        """Draw steps (count, ...) with replacement."""
        chosen = rng.integers(len(self), size=count)
        return {name: values[chosen] for name, values in self._arrays.items()}

    def state(self) -> Arrays:
        """Return what is held, as arrays."""
        held = {f"memory.{name}": values[: len(self)] for name, values in self._arrays.items()}
        return {**held, "added": np.array(self._added)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Hold again what `state` returned."""
        self._added = int(state["added"])
        for name, values in state.items():
            if name.startswith("memory."):
                whole = np.zeros((self.capacity, *values.shape[1:]), values.dtype)
                whole[: len(values)] = values
                self._arrays[name.removeprefix("memory.")] = whole


class ReplayLearner(Learner):
    """Deep Q-learning with the networks `online` and `target`."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.stream = EpisodeStream(self.environment, self.settings.environments, self.seed)
        self.memory = ReplayMemory(self.settings.memory)
        self._updates = 0

    @staticmethod
    def updates(settings: Any, batch_size: int) -> int:
        """Return the updates of an epoch."""
        return settings.updates * max(1, settings.steps // settings.environments)

    def epoch(self, epoch: int) -> dict[str, float]:
        """Play and learn for an epoch."""
        rng = np.random.default_rng([self.seed, 0xD0, epoch])
        rounds = max(1, self.settings.steps // self.settings.environments)
        logs: Mapping[str, Any] = {}
        epsilon = 1.0
        while len(self.memory) < min(self.settings.warmup_steps, self.memory.capacity):
            self._play(rng, 1.0)
        for number in range(rounds):
            epsilon = self._epsilon(epoch - 1 + number / rounds)
            self._play(rng, epsilon)
            logs = self._learn(rng)
        played = {"return": self.stream.mean_return(), "epsilon": epsilon}
        return {**self.row(logs), **played}

    def _epsilon(self, epochs: float) -> float:
        """Return the probability of a random action after so many epochs."""
        falls = self.settings.exploration_epochs
        share = min(1.0, epochs / falls) if falls else 1.0
        return 1.0 - share * (1.0 - self.settings.epsilon)

    def _play(self, rng: np.random.Generator, epsilon: float) -> None:
        """Take a step in each environment, and remember it."""
        observations = np.array(self.stream.observations)
        values = outputs_of(self.model.networks["online"], observations)
        random = rng.integers(values.shape[1], size=len(values))
        explores = rng.random(len(values)) < epsilon
        actions = np.where(explores, random, values.argmax(axis=1)).astype("int32")
        transitions, following = self.stream.step(actions)
        self.memory.add(
            observation=observations,
            action=actions,
            reward=transitions.rewards.astype("float32"),
            following=following,
            ended=transitions.ended.astype("float32"),
        )

    def _learn(self, rng: np.random.Generator) -> Mapping[str, Any]:
        """Take updates; return means of the losses in this epoch."""
        logs: Mapping[str, Any] = {}
        for _ in range(self.settings.updates):
            inputs = self.memory.sample(rng, self.batch_size)
            batch: Any = inputs, inputs.pop("action"), None  # arrays by name in place of one
            logs = self.steps.step(batch)
            self._updates += 1
            if not self._updates % self.settings.target_every:
                self.steps.sync()
                online, target = (self.model.networks[name] for name in ("online", "target"))
                target.set_weights(online.get_weights())
        self.steps.sync()
        return logs

    def state(self) -> Arrays:
        """Return all that it goes on from, beside the networks."""
        own = {"updates": np.array(self._updates)}
        return {**self.stream.state(), **self.memory.state(), **own}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self.stream.restore(state)
        self.memory.restore(state)
        self._updates = int(state["updates"])
