"""keras-tuner's Bayesian oracle, through our evaluation; it ignores noise and is slow.

`keras_tuner.oracles.BayesianOptimizationOracle`: a Gaussian process and an upper confidence bound.
Its known faults, as measured with version 1.4.8, and what is done about them here: it proposes
points again that were tried (12 trials, 4 distinct ones): then a random one takes their place; an
infinite score counts as 0, its best, so that 13 of 14 proposals fell where losses diverge: failures
are told as the worst finite score, and 1 of 14 does; seed 0 is no seed to it: it is given another;
choices count as ordered numbers, its own way, which stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.hyperparameters import from_told, to_hyperparameters, to_told
from mlzoo.core.spaces import Proposal, Space, Trial, Values, worst

AHEAD = 1


class Config(Settings):
    """Settings of keras_tuner_bayesian."""

    initial: int | None = Field(None, ge=1)
    """Random trials before the Gaussian process; by default 3 a dimension."""
    alpha: float = Field(1e-4, gt=0)
    """Noise of the scores that the Gaussian process assumes."""
    beta: float = Field(2.6, ge=0)
    """Standard deviations of the confidence bound: larger explores more."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """What a fresh oracle that is told the history proposes."""
    trials = list(history)
    found: list[Proposal] = []
    for _ in range(count):
        values = _next(config, space, trials, seed)
        if values is None:
            break
        found.append(Proposal(values))
        trials.append(Trial(len(trials), values))
    return found


def _next(config: Config, space: Space, trials: list[Trial], seed: int) -> Values | None:
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    digest = hashlib.sha256(f"{seed}:{len(trials)}".encode()).digest()
    number = int.from_bytes(digest[:3], "big") + 1
    oracle = _oracle(config, space, trials, number)
    tried = {space.key(trial.values) for trial in trials}
    with threadpool_limits(1):  # whose matrices are slower on several threads
        told = oracle.populate_space(str(len(trials)))["values"]
    if told is not None and space.key(values := from_told(space, told)) not in tried:
        return values
    random = np.random.default_rng(number)
    for _ in range(200):
        values = space.at(random.random(len(space)).tolist())
        if space.key(values) not in tried:
            return values
    if space.size is None:
        return None
    left = [values for values in space.grid() if space.key(values) not in tried]
    return left[number % len(left)] if left else None


def _oracle(config: Config, space: Space, trials: list[Trial], number: int) -> Any:
    import keras_tuner

    parameters = to_hyperparameters(space)
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        objective=keras_tuner.Objective("loss", "min"),
        max_trials=10**9,
        num_initial_points=config.initial,
        alpha=config.alpha,
        beta=config.beta,
        seed=number,
        hyperparameters=parameters,
    )
    bad = worst(trials)
    lie = min((trial.loss for trial in trials if trial.loss is not None), default=0.0)
    for trial in trials:
        own = parameters.copy()
        own.values = to_told(space, trial.values)
        known = keras_tuner.engine.trial.Trial(own, str(trial.number), "COMPLETED")
        running = lie if trial.state == "running" else bad
        known.score = trial.loss if trial.loss is not None else running
        oracle.trials[str(trial.number)] = known
    return oracle
