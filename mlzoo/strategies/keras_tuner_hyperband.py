"""keras-tuner's Hyperband oracle, through our evaluation; promoted trainings are really resumed.

`keras_tuner.oracles.HyperbandOracle`. Its known faults, with version 1.4.8: with folds,
keras-tuner's tuner silently restarts promoted trials, rungs are rounded up, and seed 0 is ignored.
Here a promoted trial continues on every fold, and the oracle gets another seed. `hyperband` has the
brackets of the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.hyperparameters import from_told, to_hyperparameters, to_told
from mlzoo.core.spaces import Proposal, Space, Trial, worst

COMPLETE = True


class Config(Settings):
    """Settings of keras_tuner_hyperband."""

    epochs: int = Field(27, ge=1)
    """Largest number of epochs of a trial; by default that of the run."""
    factor: int = Field(3, ge=2, le=10)
    """Reduction factor: one in `factor` candidates is promoted, to train `factor` times longer."""
    iterations: int = Field(1, ge=1)
    """Number of repetitions of all brackets."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """Propose what an oracle proposes after replaying the history.

    Args:
        config: settings of the strategy.
        space: the search space.
        history: all trials so far, by number; the newest may still be running.
        count: largest number of proposals to return, at least 1.
        seed: seed of the random draws.

    Returns:
        Up to `count` proposals; none while a rung that must be ranked first is running.
    """
    import keras_tuner

    parameters = to_hyperparameters(space)
    oracle = keras_tuner.oracles.HyperbandOracle(
        objective=keras_tuner.Objective("loss", "min"),
        max_epochs=config.epochs,
        factor=config.factor,
        hyperband_iterations=config.iterations,
        seed=seed + 1,
        hyperparameters=parameters,
    )
    for trial in history:
        hp_values = oracle.populate_space(str(trial.number)).get("values") or {}
        _add(oracle, parameters, space, trial, hp_values, worst(history))
    proposals: list[Proposal] = []
    while len(proposals) < count:
        number = len(history) + len(proposals)
        hp_values = oracle.populate_space(str(number)).get("values")
        if not hp_values:
            break
        proposal = _proposal(space, hp_values)
        proposals.append(proposal)
        trial = Trial(number, proposal.values, proposal.epochs, proposal.continues)
        _add(oracle, parameters, space, trial, hp_values, 0.0)
    return proposals


def _proposal(space: Space, hp_values: dict[str, Any]) -> Proposal:
    before = hp_values.get("tuner/trial_id")
    continues = None if before is None else int(before)
    return Proposal(from_told(space, hp_values), int(hp_values["tuner/epochs"]), continues)


def _add(
    oracle: Any,
    parameters: Any,
    space: Space,
    trial: Trial,
    hp_values: Mapping[str, object],
    bad: float,
) -> None:
    """Add a trial and its result to the oracle."""
    import keras_tuner

    trial_hps = parameters.copy()
    trial_hps.values = {**to_told(space, trial.values), **hp_values}
    running = trial.state == "running"
    oracle_trial = keras_tuner.engine.trial.Trial(
        trial_hps, str(trial.number), "RUNNING" if running else "COMPLETED"
    )
    if running:
        oracle.ongoing_trials[str(trial.number)] = oracle_trial
    else:
        oracle_trial.score = bad if trial.loss is None else trial.loss
    oracle.trials[str(trial.number)] = oracle_trial
    oracle._tried_so_far.add(oracle._compute_values_hash(trial_hps.values))
