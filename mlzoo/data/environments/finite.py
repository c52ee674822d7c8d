"""Finite Markov decision processes: environments given by tables, and their exact optima."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlzoo.data.environments.environment import Environment, Episodes, Transitions, uniforms

CRITIC = "value"
"""Name of a policy's network that values states; its outputs are no values."""
_FIRST = 0
"""Counter of the draw of the first state; those of steps follow."""


@dataclass(frozen=True)
class FiniteEnvironment:
    """An environment of S states and A actions, each of which has K outcomes.

    Attributes:
        name: as on the command line.
        actions: names of the actions.
        outcomes: (S, A, K) positions of the next states.
        probabilities: (S, A, K) of these.
        rewards: (S, A, K) of the steps to these.
        terminal: (S,) whether an episode ends in a state; such a state's outcome is itself.
        first: (S,) probability that an episode begins in a state.
        frames: (S, *shape) observation of each state.
        limit: steps after which an episode is cut.
        cells: rows and columns of the grid.
        places: (S,) cell, as row times columns plus column, where the agent is in each state; -1
            where it is nowhere.
        maps: states that lie on one map of the grid, one a place, by the title of the map.
        paint: from an observation to an image (height, width, 3) uint8.
        maximum: largest value of an observation.
    """

    name: str
    actions: tuple[str, ...]
    outcomes: np.ndarray
    probabilities: np.ndarray
    rewards: np.ndarray
    terminal: np.ndarray
    first: np.ndarray
    frames: np.ndarray
    limit: int
    cells: tuple[int, int]
    places: np.ndarray
    maps: Mapping[str, np.ndarray]
    paint: Callable[[np.ndarray], np.ndarray]
    maximum: float | None = 1.0

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of an observation."""
        return tuple(self.frames.shape[1:])

    @cached_property
    def cumulative(self) -> np.ndarray:
        """Return cumulated probabilities (S, A, K) of the outcomes."""
        return self.probabilities.cumsum(axis=2)

    @cached_property
    def optimum(self) -> Optimum:
        """Return the best that can be done."""
        return value_iteration(self)

    def start(self, seeds: np.ndarray) -> FiniteEpisodes:
        """Begin an episode for each of some seeds (n,)."""
        episodes = FiniteEpisodes(self, len(seeds))
        episodes.restart(np.arange(len(seeds)), seeds)
        return episodes

    def picture(self, observation: np.ndarray) -> np.ndarray:
        """Draw an observation."""
        return self.paint(observation)


class FiniteEpisodes:
    """Episodes of a finite environment; see `Episodes`.

    Attributes:
        states: (n,) positions of the present states.
        steps: (n,) steps taken.
        seeds: (n,) what decides their draws.
    """

    def __init__(self, environment: FiniteEnvironment, count: int) -> None:
        self.environment = environment
        self.states, self.steps, self.seeds = np.zeros((3, count), "int64")

    @property
    def observations(self) -> np.ndarray:
        """Return present observations (n, *shape)."""
        return self.environment.frames[self.states]

    def restart(self, which: np.ndarray, seeds: np.ndarray) -> None:
        """Begin anew at positions (m,) with seeds (m,)."""
        drawn = uniforms(seeds, np.full(len(seeds), _FIRST))
        self.states[which] = _draw(self.environment.first.cumsum(), drawn)
        self.steps[which], self.seeds[which] = 0, seeds

    def step(self, actions: np.ndarray) -> Transitions:
        """Take an action (n,) in each."""
        table = self.environment
        over = table.terminal[self.states] | (self.steps >= table.limit)
        drawn = uniforms(self.seeds, self.steps + _FIRST + 1)
        chosen = _draw(table.cumulative[self.states, actions], drawn)
        rewards = np.where(over, 0.0, table.rewards[self.states, actions, chosen])
        self.states = np.where(over, self.states, table.outcomes[self.states, actions, chosen])
        self.steps = self.steps + ~over
        ended = table.terminal[self.states]
        return Transitions(rewards, ended, ~ended & (self.steps >= table.limit))

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the episodes go on from."""
        return {"states": self.states, "steps": self.steps, "seeds": self.seeds}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        self.states, self.steps, self.seeds = (
            np.array(state[name], "int64") for name in ("states", "steps", "seeds")
        )


def states_of(episodes: Episodes) -> np.ndarray:
    """Return the positions (n,) of the present states of a finite environment's episodes."""
    assert isinstance(episodes, FiniteEpisodes)
    return episodes.states


def _draw(cumulative: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return positions (n,) of outcomes with cumulated probabilities (n, K) or (K,)."""
    chosen = (cumulative <= drawn[:, None]).sum(axis=-1)
    return np.minimum(chosen, cumulative.shape[-1] - 1)


@dataclass(frozen=True)
class Optimum:
    """The best that can be done in a finite environment within its limit of steps.

    Attributes:
        values: (limit + 1, S) expected sum of rewards with so many steps left.
        actions: (limit, S) best action with one step left, two, ...
        expected: expected return of an episode.
    """

    values: np.ndarray
    actions: np.ndarray
    expected: float


def value_iteration(environment: FiniteEnvironment) -> Optimum:
    """Return the optimum by backward induction over the steps that are left, which is exact.

    Bellman, "Dynamic Programming" (1957): v_0 = 0 and v_t(s) = max_a E[r + v_{t-1}(s')].
    """
    backup = backups(environment)
    values = np.zeros((environment.limit + 1, len(environment.terminal)))
    actions = np.zeros((environment.limit, len(environment.terminal)), "int64")
    for left in range(environment.limit):
        ahead = backup(values[left])
        actions[left] = ahead.argmax(axis=1)
        values[left + 1] = ahead.max(axis=1)
    return Optimum(values, actions, float(environment.first @ values[-1]))


def expected_return(environment: FiniteEnvironment, policy: np.ndarray) -> float:
    """Return the exact expected return of probabilities (S, A) of actions in states."""
    backup = backups(environment)
    values = np.zeros(len(environment.terminal))
    for _ in range(environment.limit):
        values = (policy * backup(values)).sum(axis=1)
    return float(environment.first @ values)


def reference_returns(environment: Environment) -> tuple[float, float]:
    """Return the expected returns of random actions and of the optimum; NaN where not known."""
    if not isinstance(environment, FiniteEnvironment):
        return np.nan, np.nan
    shape = environment.outcomes.shape[:2]
    random = expected_return(environment, np.full(shape, 1 / shape[1]))
    return random, environment.optimum.expected


def backups(environment: FiniteEnvironment) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from values (S,) to the expected reward and next value (S, A) of actions.

    Both are 0 in terminal states.
    """
    from scipy.sparse import coo_array

    states, actions, width = environment.outcomes.shape
    weights = np.where(environment.terminal[:, None, None], 0.0, environment.probabilities)
    rewards = (weights * environment.rewards).sum(axis=2)
    rows = np.arange(states * actions).repeat(width)
    places = rows, environment.outcomes.ravel()
    chances = coo_array((weights.ravel(), places), shape=(states * actions, states)).tocsr()
    return lambda values: rewards + (chances @ values).reshape(states, actions)
