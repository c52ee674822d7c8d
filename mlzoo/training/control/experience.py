"""Experience of models of control: steps of episodes that are played while they train."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.data.environments.environment import Environment, Transitions, training_seeds
from mlzoo.layers.networks import columns_of
from mlzoo.training.loop.networks import NetworksModel
from mlzoo.training.loop.steps import TrainingSteps

Arrays = dict[str, np.ndarray]


class Learner(ABC):
    """An algorithm that plays and learns.

    Args:
        environment: what is played.
        model: the networks, compiled.
        steps: training steps of these.
        settings: the `Config` of the model.
        batch_size: steps of an update.
        seed: decides all that is random.
    """

    def __init__(
        self,
        environment: Environment,
        model: NetworksModel,
        steps: TrainingSteps,
        settings: Any,
        batch_size: int,
        seed: int,
    ) -> None:
        self.environment, self.model, self.steps = environment, model, steps
        self.settings, self.batch_size, self.seed = settings, batch_size, seed

    @staticmethod
    @abstractmethod
    def updates(settings: Any, batch_size: int) -> int:
        """Return the updates of an epoch, by which a schedule counts; 0: they are not known."""

    @abstractmethod
    def epoch(self, epoch: int) -> dict[str, float]:
        """Play and learn for an epoch, from 1; return the columns of its row."""

    @abstractmethod
    def state(self) -> Arrays:
        """Return all that it goes on from, beside the networks."""

    @abstractmethod
    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""

    def row(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """Return the columns of an epoch, from the means of its losses."""
        self.steps.sync()
        return {name: float(logs[name]) for name in columns_of(self.model.objectives)}


class EpisodeStream:
    """Episodes that are played side by side without end: one that is over is begun anew.

    Args:
        environment: what is played.
        count: how many episodes.
        seed: decides those of the episodes.
    """

    def __init__(self, environment: Environment, count: int, seed: int) -> None:
        self.seed = seed
        self._begun = count
        self.episodes = environment.start(training_seeds(seed, np.arange(count)))
        self._running = np.zeros(count)
        self._returns: list[float] = []
        self._mean = float("nan")

    @property
    def observations(self) -> np.ndarray:
        """Return present observations (n, *shape)."""
        return self.episodes.observations

    def step(self, actions: np.ndarray) -> tuple[Transitions, np.ndarray]:
        """Take an action (n,) in each; return the outcome and the observations it led to."""
        transitions = self.episodes.step(actions)
        following = np.array(self.episodes.observations)
        self._running += transitions.rewards
        (over,) = np.nonzero(transitions.ended | transitions.cut)
        if len(over):
            self._returns += self._running[over].tolist()
            self._running[over] = 0.0
            numbers = self._begun + np.arange(len(over))
            self._begun += len(over)
            self.episodes.restart(over, training_seeds(self.seed, numbers))
        return transitions, following

    def mean_return(self) -> float:
        """Return the mean return of episodes that ended since the last call.

        Where none did it is the last one again; where none has yet, that of unfinished ones.
        """
        if self._returns:
            self._mean = float(np.mean(self._returns))
        self._returns = []
        return float(self._running.mean()) if np.isnan(self._mean) else self._mean

    def state(self) -> Arrays:
        """Return all that the episodes go on from, between two epochs."""
        own = {f"episodes.{name}": array for name, array in self.episodes.state().items()}
        numbers = {"begun": np.array(self._begun), "mean": np.array(self._mean)}
        return {**own, "running": self._running, **numbers}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        prefix = "episodes."
        own = {n.removeprefix(prefix): a for n, a in state.items() if n.startswith(prefix)}
        self.episodes.restore(own)
        self._running, self._begun = np.array(state["running"]), int(state["begun"])
        self._mean = float(state["mean"])
