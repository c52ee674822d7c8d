"""keras-tuner's Hyperband oracle, through our evaluation; promoted trainings really go on.

`keras_tuner.oracles.HyperbandOracle`. Its known faults, with version 1.4.8: with folds its own
tuner starts promoted trials anew without saying so, and rungs are rounded up; seed 0 is no seed to
it. Here a promoted trial continues on every fold, and it is given another seed. `hyperband` has the
paper's brackets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from mlzoo.core.configs import Settings
from mlzoo.core.hyperparameters import from_told, to_hyperparameters, to_told
from mlzoo.core.spaces import Proposal, Space, Trial, worst

COMPLETE = True


class Config(Settings):
    """Settings of keras_tuner_hyperband."""

    epochs: int = Field(27, ge=1)
    """Epochs of the longest trainings; by default those of the run."""
    factor: int = Field(3, ge=2, le=10)
    """One in so many is promoted, and trains so many times longer."""
    iterations: int = Field(1, ge=1)
    """How often all brackets are run."""


def propose(
    config: Config, space: Space, history: Sequence[Trial], count: int, seed: int
) -> list[Proposal]:
    """What an oracle proposes after the history was played through it."""
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
        told = oracle.populate_space(str(trial.number)).get("values") or {}
        _add(oracle, parameters, space, trial, told, worst(history))
    found: list[Proposal] = []
    while len(found) < count:
        number = len(history) + len(found)
        told = oracle.populate_space(str(number)).get("values")
        if not told:
            break
        proposal = _proposal(space, told)
        found.append(proposal)
        trial = Trial(number, proposal.values, proposal.epochs, proposal.continues)
        _add(oracle, parameters, space, trial, told, 0.0)
    return found


def _proposal(space: Space, told: dict[str, Any]) -> Proposal:
    before = told.get("tuner/trial_id")
    continues = None if before is None else int(before)
    return Proposal(from_told(space, told), int(told["tuner/epochs"]), continues)


def _add(
    oracle: Any, parameters: Any, space: Space, trial: Trial, told: dict[str, Any], bad: float
) -> None:
    """Let the oracle know a trial and what became of it."""
    import keras_tuner

    own = parameters.copy()
    own.values = {**to_told(space, trial.values), **told}
    running = trial.state == "running"
    known = keras_tuner.engine.trial.Trial(
        own, str(trial.number), "RUNNING" if running else "COMPLETED"
    )
    if running:
        oracle.ongoing_trials[str(trial.number)] = known
    else:
        known.score = bad if trial.loss is None else trial.loss
    oracle.trials[str(trial.number)] = known
    oracle._tried_so_far.add(oracle._compute_values_hash(own.values))
