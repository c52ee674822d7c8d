"""Environments of which the latest observations are seen together.

One frame does not tell how things move; Mnih et al. (2015) show a network the last four.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlzoo.data.environments.environment import Environment, Episodes, Transitions


@dataclass(frozen=True)
class StackedEnvironment:
    """An environment whose observations are the latest ones of another; see `Environment`.

    Attributes:
        inner: the other.
        frames: observations that are seen together, the present one last along the last axis.
    """

    inner: Environment
    frames: int

    @property
    def name(self) -> str:
        """Return the name of the environment."""
        return self.inner.name

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of an observation."""
        return (*self.inner.shape[:-1], self.inner.shape[-1] * self.frames)

    @property
    def actions(self) -> tuple[str, ...]:
        """Return the names of the actions."""
        return self.inner.actions

    @property
    def limit(self) -> int:
        """Return the steps after which an episode is cut."""
        return self.inner.limit

    @property
    def maximum(self) -> float | None:
        """Return the largest value of an observation that is an image."""
        return self.inner.maximum

    def start(self, seeds: np.ndarray) -> StackedEpisodes:
        """Begin an episode for each of some seeds (n,)."""
        return StackedEpisodes(self.inner.start(seeds), self.frames)

    def picture(self, observation: np.ndarray) -> np.ndarray | None:
        """Draw the present one of stacked observations."""
        return self.inner.picture(observation[..., -self.inner.shape[-1] :])


class StackedEpisodes:
    """Episodes of a `StackedEnvironment`; see `Episodes`.

    Attributes:
        observations: (n, *shape), the latest ones together; before the first step all are the
            first one.
    """

    def __init__(self, inner: Episodes, frames: int) -> None:
        self._inner, self._frames = inner, frames
        self.observations = np.concatenate([inner.observations] * frames, axis=-1)

    @property
    def steps(self) -> np.ndarray:
        """Return the steps taken (n,)."""
        return self._inner.steps

    def step(self, actions: np.ndarray) -> Transitions:
        """Take an action (n,) in each; one that is over keeps its observations."""
        before = self.steps.copy()
        transitions = self._inner.step(actions)
        present = self._inner.observations
        moved = np.concatenate([self.observations[..., present.shape[-1] :], present], axis=-1)
        going = self.steps > before
        self.observations = self.observations.copy()
        self.observations[going] = moved[going]
        return transitions

    def restart(self, which: np.ndarray, seeds: np.ndarray) -> None:
        """Begin anew at positions (m,) with seeds (m,)."""
        self._inner.restart(which, seeds)
        first = self._inner.observations[which]
        self.observations = self.observations.copy()
        self.observations[which] = np.concatenate([first] * self._frames, axis=-1)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state of the episodes and what was seen last."""
        return {**self._inner.state(), "stacked": self.observations}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self._inner.restore({name: each for name, each in state.items() if name != "stacked"})
        self.observations = np.array(state["stacked"])
