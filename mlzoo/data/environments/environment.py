"""The contract of environments, and playing their episodes side by side.

Sutton and Barto, "Reinforcement Learning: An Introduction", 2nd edition (2018): an agent sees an
observation, takes an action, and gets a reward, until the episode ends. A seed decides all that is
random in an episode, whichever others are played beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

TRAINING_SEEDS = 2**30
"""Seeds below are of training episodes, those from there up to twice as many of held-out ones."""


class Transitions(NamedTuple):
    """Outcome of one step of n episodes.

    Attributes:
        rewards: (n,) float64.
        ended: (n,) whether a terminal state was reached, after which there is no reward.
        cut: (n,) whether the limit of steps was reached in another state.
    """

    rewards: np.ndarray
    ended: np.ndarray
    cut: np.ndarray


class Episodes(Protocol):
    """Episodes of an environment that are played side by side.

    Attributes:
        observations: (n, *shape), present ones.
        steps: (n,) steps taken so far.
    """

    @property
    def observations(self) -> np.ndarray: ...  # noqa: D102
    @property
    def steps(self) -> np.ndarray: ...  # noqa: D102

    def step(self, actions: np.ndarray) -> Transitions:
        """Take an action (n,) in each; one that is over stays as it is, with rewards of 0."""
        ...

    def restart(self, which: np.ndarray, seeds: np.ndarray) -> None:
        """Begin anew at positions (m,) with seeds (m,)."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Return all that the episodes go on from, as arrays."""
        ...

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned."""
        ...


class Environment(Protocol):
    """An environment.

    Attributes:
        name: as on the command line.
        shape: of an observation.
        actions: their names.
        limit: steps after which an episode is cut.
        maximum: largest value of an observation that is an image; None: it is no image.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def actions(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def limit(self) -> int: ...  # noqa: D102
    @property
    def maximum(self) -> float | None: ...  # noqa: D102

    def start(self, seeds: np.ndarray) -> Episodes:
        """Begin an episode for each of some seeds (n,)."""
        ...

    def picture(self, observation: np.ndarray) -> np.ndarray | None:
        """Draw an observation as an image (height, width, 3) uint8; None where it has none."""
        ...


Policy = Callable[[Episodes], np.ndarray]
"""From episodes to an action (n,) in each."""


@dataclass(frozen=True)
class Played:
    """Episodes that were played to their end.

    Attributes:
        returns: (n,) sums of rewards.
        steps: (n,) steps taken.
        ended: (n,) whether a terminal state was reached, rather than the limit of steps.
    """

    returns: np.ndarray
    steps: np.ndarray
    ended: np.ndarray


def play(environment: Environment, seeds: np.ndarray, policy: Policy) -> Played:
    """Play an episode for each of some seeds (n,) to its end, with the same policy."""
    episodes = environment.start(seeds)
    returns, steps = np.zeros(len(seeds)), np.zeros(len(seeds), int)
    ended, over = np.zeros((2, len(seeds)), bool)
    while not over.all():
        steps += ~over
        step = episodes.step(policy(episodes))
        returns += step.rewards
        ended |= step.ended
        over |= step.ended | step.cut
    return Played(returns, steps, ended)


def uniform_policy(environment: Environment, rng: np.random.Generator) -> Policy:
    """Return the policy that takes each action with equal probability."""
    return lambda episodes: rng.integers(len(environment.actions), size=len(episodes.steps))


def held_out_seeds(seed: int, count: int) -> np.ndarray:
    """Return seeds (count,) of episodes that nothing is trained on, each different."""
    rng = np.random.default_rng([seed, 0xC0])
    return TRAINING_SEEDS + rng.choice(TRAINING_SEEDS, count, replace=False)


def training_seeds(seed: int, numbers: np.ndarray) -> np.ndarray:
    """Return the seeds (n,) of training episodes with numbers (n,), counted from 0."""
    first = int(np.random.default_rng([seed, 0xC1]).integers(TRAINING_SEEDS))
    return (first + numbers) % TRAINING_SEEDS


def uniforms(seeds: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """Return a uniform number in [0, 1) for each seed (n,) and counter (n,).

    A counter-based generator: numbers depend on nothing but the two, so that an episode's state
    holds none of a generator. Mixed twice by the finalizer of SplitMix64 (Steele, Lea and Flood
    2014, "Fast splittable pseudorandom number generators").
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        mixed = _mix((np.asarray(seeds).astype("uint64") + np.uint64(1)) * golden)
        mixed = _mix(mixed + (np.asarray(counters).astype("uint64") + np.uint64(1)) * golden)
    return (mixed >> np.uint64(11)).astype("float64") * 2.0**-53


def _mix(values: np.ndarray) -> np.ndarray:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(factor)
    return values ^ (values >> np.uint64(31))
