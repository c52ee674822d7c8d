"""`mlzoo predict --steps` of a run of rates of change: rollouts of states."""

from __future__ import annotations

from mlzoo.core.errors import UsageError
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo_cli.output import ConsoleReporter, say, show, show_csv


def predict_states(
    run: OpenedRun, data: list[str], config: PredictConfig, trust: bool, json: bool
) -> None:
    """Write a row for each step of each start, and with --output a folder.

    Raises:
        UsageError: no time step, several paths, or a folder that holds a rollout.
    """
    from mlzoo.api import load
    from mlzoo.reporting.rollout_export import (
        TABLE,
        drift_sentences,
        state_rows,
        write_states,
    )
    from mlzoo.runs.predicting.rollouts.states import check_states, read_energy, roll_states

    check_states(run)
    output = config.output
    if config.time_step is None:
        raise UsageError("--steps: say how long a step is, as in --time-step 0.05")
    if len(data) > 1:
        raise UsageError(f"--steps: name one file of starts, not {len(data)}")
    if output is not None and output.exists() and not output.is_dir():
        raise UsageError(f"--output {output} is a file; give a folder for the rollout")
    if output is not None and (output / TABLE).exists() and not config.overwrite:
        raise UsageError(f"{output / TABLE} exists already; choose another, or add --overwrite")
    columns = [column.name for column in run.reader_columns]
    energy = None if config.energy is None else read_energy(config.energy, columns)
    runs = {run.path.name: run}
    if config.beside is not None:
        other = load(config.beside, trust=trust)
        if [column.name for column in other.reader_columns] != columns:
            raise UsageError(f"--beside: {config.beside} has other columns than {run.path}")
        if other.path.name in runs:
            raise UsageError(f"--beside: {config.beside} is called as {run.path}; rename one")
        runs[other.path.name] = other
    reporter = ConsoleReporter(quiet=json)
    try:
        rolled = {
            name: roll_states(each, data[0], config.steps or 1, config.time_step, energy, reporter)
            for name, each in runs.items()
        }
    finally:
        reporter.end()
    rows = state_rows(rolled, columns)
    if json:
        show(rows)
    else:
        show_csv(rows)
    if output is not None:
        write_states(output, rolled, rows, columns)
        say(f"{len(rolled[run.path.name])} rollouts of {config.steps} steps, in {output}")
    for sentence in drift_sentences(rolled):
        say(sentence)
