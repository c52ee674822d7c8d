"""Hyperband and successive halving: many short trainings, of which the best go on.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach to
Hyperparameter Optimization" (2018); one bracket alone is successive halving (Jamieson and
Talwalkar 2016). A promoted candidate's training goes on where it was; it is a trial of its own
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
    """Epochs of the longest trainings; by default those of the run."""
    least: int = Field(1, ge=1)
    """Epochs of the shortest trainings, at least."""
    factor: int = Field(3, ge=2, le=10)
    """One in so many is promoted, and trains so many times longer."""
    iterations: int = Field(1, ge=1, le=10_000)
    """How often all brackets are run, each time with new candidates."""
    brackets: Literal["all", "one"] = "all"
    """all: from many short trainings to a few long ones; one: successive halving, the first of
    these alone."""

    @model_validator(mode="after")
    def _room(self) -> Config:
        if self.least > self.epochs:
            raise ValueError(f"least {self.least} is more than the {self.epochs} epochs there are")
        return self


def brackets(config: Config) -> list[list[tuple[int, int]]]:
    """(candidates, epochs) of every rung of every bracket."""
    most = 0
    while config.factor ** (most + 1) * config.least <= config.epochs:
        most += 1
    found = []
    for first in range(most, -1, -1):
        count = math.ceil((most + 1) / (first + 1) * config.factor**first)
        rungs = []
        for rung in range(first + 1):
            epochs = max(config.least, round(config.epochs / config.factor ** (first - rung)))
            rungs.append((max(1, count // config.factor**rung), epochs))
        found.append(rungs)
    return found[:1] if config.brackets == "one" else found


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """What the brackets lack next; none while a rung runs that has to be ranked first."""
    found: list[Proposal] = []
    trials = list(history)
    while len(found) < count and (proposal := _next(config, space, trials, seed)) is not None:
        found.append(proposal)
        place = len(trials)
        trials.append(Trial(place, proposal.values, proposal.epochs, proposal.continues))
    return found


def _next(config: Config, space: Space, trials: list[Trial], seed: int) -> Proposal | None:
    """Play the history through the brackets, up to where it lacks a trial."""
    place = 0
    fresh: set[str] = set()
    for rungs in brackets(config) * config.iterations:
        wanted, epochs = rungs[0]
        if space.size is not None:
            wanted = min(wanted, space.size - len(fresh))
        rung = trials[place : place + wanted]
        fresh |= {space.key(trial.values) for trial in rung}
        if len(rung) < wanted:
            values = _fresh(space, fresh, len(trials), seed)
            return None if values is None else Proposal(values, epochs)
        place += wanted
        for size, longer in rungs[1:]:
            if any(trial.state == "running" for trial in rung):
                return None
            good = sorted(
                (trial for trial in rung if trial.loss is not None),
                key=lambda trial: (trial.loss, trial.number),
            )[:size]
            rung = trials[place : place + len(good)]
            if len(rung) < len(good):
                chosen = good[len(rung)]
                return Proposal(chosen.values, longer, chosen.number)
            place += len(good)
    return None


def _fresh(space: Space, tried: set[str], number: int, seed: int) -> Values | None:
    """A candidate at random that no bracket has had."""
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
