"""Tabular Q-learning on a grid: a value for each state and action, without a network.

Watkins, "Learning from Delayed Rewards" (1989).
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.environments.environment import training_seeds
from mlzoo.data.environments.finite import FiniteEnvironment, states_of
from mlzoo.data.samples import Data

TARGETS = ("actions per episode",)
LEARNS = True
FAST = True
_EPISODES, _STEPS = 64, 3000
_DISCOUNT, _RATE, _EPSILON = 0.97, 0.2, 0.3


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the greedy policy; None where the states can't be listed."""
    environment = data.samples.environment
    if not isinstance(environment, FiniteEnvironment):
        return None
    values = learned_values(environment, seed)
    note = f"tabular Q-learning over {_EPISODES * _STEPS:,} steps"
    return Baseline(lambda episodes: values[states_of(episodes)].argmax(axis=1), note)


def learned_values(environment: FiniteEnvironment, seed: int) -> np.ndarray:
    """Return values (S, A) of actions, learned epsilon-greedily in episodes side by side."""
    rng = np.random.default_rng([seed, 0xC4])
    values: np.ndarray = np.zeros(environment.outcomes.shape[:2])
    episodes = environment.start(training_seeds(seed, np.arange(_EPISODES)))
    begun = _EPISODES
    for _ in range(_STEPS):
        states = episodes.states
        random = rng.integers(len(environment.actions), size=_EPISODES)
        explores = rng.random(_EPISODES) < _EPSILON
        actions = np.where(explores, random, values[states].argmax(axis=1))
        step = episodes.step(actions)
        ahead = np.where(step.ended, 0.0, values[episodes.states].max(axis=1))
        error = step.rewards + _DISCOUNT * ahead - values[states, actions]
        values += _steps(states, actions, error, values.shape)
        (over,) = np.nonzero(step.ended | step.cut)
        episodes.restart(over, training_seeds(seed, begun + np.arange(len(over))))
        begun += len(over)
    return values


def _steps(
    states: np.ndarray, actions: np.ndarray, errors: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the changes (S, A) by the errors of episodes side by side.

    Episodes that take the same action in the same state change its value as one after the other
    would, towards the mean of their targets; the sum of their steps would overshoot.

    Args:
        states: (n,) of the episodes.
        actions: (n,) taken there.
        errors: (n,) of the values of these.
        shape: (S, A).
    """
    places = states * shape[1] + actions
    counts = np.bincount(places, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(places, errors, minlength=shape[0] * shape[1]).reshape(shape)
    return np.asarray((1 - (1 - _RATE) ** counts) * sums / np.maximum(counts, 1))
