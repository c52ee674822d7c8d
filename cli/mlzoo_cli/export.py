"""`mlzoo export`: a run's model for other programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mlzoo_cli.options import Fields, Json, RunPath, Trust, with_options
from mlzoo_cli.output import ConsoleReporter, show

if TYPE_CHECKING:
    from mlzoo.exporting.export import ExportRecord


@with_options(Fields("exporting/settings.py", "ExportConfig"))
def export(
    run: RunPath,
    trust: Trust = False,
    json: Json = False,
    *,
    given: dict[str, object],
    problems: list[str],
) -> None:
    """Export a run's model for other programs.

    It takes raw inputs and returns probabilities or numbers. What was written is loaded again and
    scored on up to 200 samples of the run's test split. It is kept only if its outputs are those of
    the run within 1e-4 (int8: at least 95 % of the classes the same). export.json beside it says
    what to feed, what comes out, and the score.
    """
    from mlzoo.core.configs import from_options
    from mlzoo.exporting import export as work
    from mlzoo.exporting.settings import ExportConfig

    config = from_options(ExportConfig, given, problems)
    work.check(config.format, config.int8, config.resize)
    if config.format != "keras":
        # Graphs are TensorFlow's, whatever a model was trained on.
        os.environ["KERAS_BACKEND"] = "tensorflow"
    reporter = ConsoleReporter(quiet=json)
    try:
        record = work.export(run, **dict(config), trust=trust, listener=reporter)
    finally:
        reporter.end()
    if json:
        show(record)
    else:
        print(_text(record))


def _text(record: ExportRecord) -> str:
    takes, gives = record["input"], record["output"]
    names = ", ".join(map(str, gives["class_names"] or gives["target_names"]))
    shape = "x".join("?" if side is None else str(side) for side in takes["shape"])
    return (
        f"{record['folder']}/{record['file']}  {record['bytes']:,} bytes\n"
        f"input   {shape} {takes['dtype']}, raw values\n"
        f"output  {gives['task']}{names and f': {names}'}"
    )
