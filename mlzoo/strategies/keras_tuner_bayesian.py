"""keras-tuner's Bayesian oracle, through our evaluation; it ignores noise and is slow.

`keras_tuner.oracles.BayesianOptimizationOracle`: a Gaussian process and an upper confidence bound.
Its known faults, as measured with version 1.4.8, and their workarounds here: it proposes the same
points again (12 trials, 4 distinct ones): a random point replaces a repeated one; an infinite score
counts as 0, the best, so that 13 of 14 proposals fell where losses diverge: failures count as the
worst finite score, and 1 of 14 does; it ignores seed 0: it gets another. That it treats choices as
ordered numbers is left as it is.
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
    """Propose what a fresh oracle proposes that has been told the history.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none when the space is exhausted.
    """
    trials = list(history)
    proposals: list[Proposal] = []
    for _ in range(count):
        values = _next(config, space, trials, seed)
        if values is None:
            break
        proposals.append(Proposal(values))
        trials.append(Trial(len(trials), values))
    return proposals


def _next(config: Config, space: Space, trials: list[Trial], seed: int) -> Values | None:
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    digest = hashlib.sha256(f"{seed}:{len(trials)}".encode()).digest()
    number = int.from_bytes(digest[:3], "big") + 1
    oracle = _oracle(config, space, trials, number)
    tried = {space.key(trial.values) for trial in trials}
    with threadpool_limits(1):  # its small matrices are slower on several threads
        hp_values = oracle.populate_space(str(len(trials)))["values"]
    if hp_values is not None and space.key(values := from_told(space, hp_values)) not in tried:
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
        trial_hps = parameters.copy()
        trial_hps.values = to_told(space, trial.values)
        oracle_trial = keras_tuner.engine.trial.Trial(trial_hps, str(trial.number), "COMPLETED")
        running = lie if trial.state == "running" else bad
        oracle_trial.score = trial.loss if trial.loss is not None else running
        oracle.trials[str(trial.number)] = oracle_trial
    return oracle
