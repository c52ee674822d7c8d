"""`mlzoo report`: write a run's report again."""

from __future__ import annotations

from mlzoo_cli.options import Json, RunPath
from mlzoo_cli.output import ConsoleReporter, say, show


def report(run: RunPath, json: Json = False) -> None:
    """Write a run's report.html again.

    It shows the explanations that were made since. Training writes it at its end; it is read from
    the run folder's files alone, so neither the data nor Keras is needed.
    """
    from mlzoo.reporting.pages.report import write_report
    from mlzoo.runs import run_folder

    path = write_report(run_folder.find(run), listener=ConsoleReporter(quiet=json))
    if json:
        show({"report": str(path)})
    else:
        say(f"written to {path}")
