"""Hyperband and successive halving: many short trainings, of which the best are continued.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach to
Hyperparameter Optimization" (2018); one bracket alone is successive halving (Jamieson and
Talwalkar 2016). The training of a promoted candidate is resumed; it is a separate trial
that names the one it continues.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field, model_validator

from mlzoo.core.configs import Settings
from mlzoo.core.spaces import Proposal, Space, Trial, Values

COMPLETE = True
AHEAD = 10**6
_TRIES = 200


class Config(Settings):
    """Settings of hyperband."""

    epochs: int = Field(27, ge=1)
    """Largest number of epochs of a trial; by default that of the run."""
    least: int = Field(1, ge=1)
    """Smallest number of epochs of a trial."""
    factor: int = Field(3, ge=2, le=10)
    """Reduction factor: one in `factor` candidates is promoted, to train `factor` times longer."""
    iterations: int = Field(1, ge=1, le=10_000)
    """Number of repetitions of all brackets, each with new candidates."""
    brackets: Literal["all", "one"] = "all"
    """all: from many short trainings to a few long ones; one: successive halving, the first of
    these alone."""

    @model_validator(mode="after")
    def _room(self) -> Config:
        if self.least > self.epochs:
            raise ValueError(f"least {self.least} is more than the {self.epochs} epochs there are")
        return self


def brackets(config: Config) -> list[list[tuple[int, int]]]:
    """Return (candidates, epochs) of every rung of every bracket."""
    most = 0
    while config.factor ** (most + 1) * config.least <= config.epochs:
        most += 1
    all_brackets = []
    for first in range(most, -1, -1):
        count = math.ceil((most + 1) / (first + 1) * config.factor**first)
        rungs = []
        for rung in range(first + 1):
            epochs = max(config.least, round(config.epochs / config.factor ** (first - rung)))
            rungs.append((max(1, count // config.factor**rung), epochs))
        all_brackets.append(rungs)
    return all_brackets[:1] if config.brackets == "one" else all_brackets


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """Propose the next trials of the brackets.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none while a rung that must be ranked first is running.
    """
    proposals: list[Proposal] = []
    trials = list(history)
    while len(proposals) < count and (proposal := _next(config, space, trials, seed)) is not None:
        proposals.append(proposal)
        position = len(trials)
        trials.append(Trial(position, proposal.values, proposal.epochs, proposal.continues))
    return proposals


def _next(config: Config, space: Space, trials: list[Trial], seed: int) -> Proposal | None:
    """Replay the history through the brackets, up to the first missing trial."""
    position = 0
    fresh: set[str] = set()
    for rungs in brackets(config) * config.iterations:
        wanted, epochs = rungs[0]
        if space.size is not None:
            wanted = min(wanted, space.size - len(fresh))
        rung = trials[position : position + wanted]
        fresh |= {space.key(trial.values) for trial in rung}
        if len(rung) < wanted:
            values = _fresh(space, fresh, len(trials), seed)
            return None if values is None else Proposal(values, epochs)
        position += wanted
        for size, longer in rungs[1:]:
            if any(trial.state == "running" for trial in rung):
                return None
            good = sorted(
                (trial for trial in rung if trial.loss is not None),
                key=lambda trial: (trial.loss, trial.number),
            )[:size]
            rung = trials[position : position + len(good)]
            if len(rung) < len(good):
                chosen = good[len(rung)]
                return Proposal(chosen.values, longer, chosen.number)
            position += len(good)
    return None


def _fresh(space: Space, tried: set[str], number: int, seed: int) -> Values | None:
    """Draw a random candidate that is in no bracket yet."""
    for values in _random(space, number, seed):
        if space.key(values) not in tried:
            return values
    if space.size is None:
        return None
    left = [values for values in space.grid() if space.key(values) not in tried]
    return left[(seed + number) % len(left)] if left else None


def _random(space: Space, number: int, seed: int) -> Iterator[Values]:
    import numpy as np

    random = np.random.default_rng([seed, number])
    for _ in range(_TRIES):
        yield space.at(random.random(len(space)).tolist())
