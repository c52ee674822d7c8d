"""`mlzoo predict --steps` of a run of fields: rollouts in time, and how their error grows."""

from __future__ import annotations

from pathlib import Path

from mlzoo.core.errors import UsageError
from mlzoo.runs.opened import OpenedRun
from mlzoo.runs.predicting.settings import PredictConfig
from mlzoo_cli.output import ConsoleReporter, say, show, show_csv


def predict_rollouts(run: OpenedRun, data: list[str], config: PredictConfig, json: bool) -> None:
    """Write a row for each step of each start, and with --output a folder.

    Raises:
        UsageError: several paths, or a folder that holds a rollout.
    """
    from mlzoo.reporting.rollout_export import TABLE, error_growth, step_rows, write_rollouts
    from mlzoo.runs.predicting.rollouts.fields import read_truth, rollouts

    output = config.output
    if len(data) > 1:
        raise UsageError(f"--steps: name one file of starts, not {len(data)}")
    if output is not None and output.exists() and not output.is_dir():
        raise UsageError(f"--output {output} is a file; give a folder for the rollouts")
    if output is not None and (output / TABLE).exists() and not config.overwrite:
        raise UsageError(f"{output / TABLE} exists already; choose another, or add --overwrite")
    reporter = ConsoleReporter(quiet=json)
    try:
        truth = None if config.truth is None else read_truth(Path(config.truth))
        rolled = list(rollouts(run, data[0], config.steps or 1, truth, reporter))
    finally:
        reporter.end()
    for warning in dict.fromkeys(text for each in rolled for text in each.warnings):
        reporter.warn(warning)
    rows = step_rows(rolled, run.record["target_names"])
    if json:
        show(rows)
    else:
        show_csv(rows)
    if output is not None:
        write_rollouts(output, rolled, rows)
        say(f"{len(rolled)} rollouts of {config.steps} steps, in {output}")
    if (growth := error_growth(rolled)) is not None:
        say(growth)
