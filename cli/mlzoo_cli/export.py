"""`mlzoo export`: a run's model for other programs."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from mlzoo_cli.options import Json, RunPath, Trust
from mlzoo_cli.output import ConsoleReporter, show


def export(
    run: RunPath,
    format: Annotated[
        str,
        typer.Option("--format", help="Format to write (`mlzoo formats`)."),
    ] = "keras",
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Folder to write; by default exports/FORMAT in the run folder."
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="litert: 8-bit integers, calibrated on the training split."),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an export that is there.")
    ] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Export a run's model for other programs.

    It takes raw inputs and returns probabilities or numbers. What was written is loaded again and
    scored on up to 200 samples of the run's test split. It is kept only if its outputs are those of
    the run within 1e-4 (int8: at least 95 % of the classes the same). export.json beside it says
    what to feed, what comes out, and the score.
    """
    from mlzoo.exporting import export as work

    work.check(format, int8)
    if format != "keras":
        # Graphs are TensorFlow's, whatever a model was trained on.
        os.environ["KERAS_BACKEND"] = "tensorflow"
    reporter = ConsoleReporter(quiet=json)
    try:
        record = work.export(
            run,
            format,
            output=output,
            int8=int8,
            overwrite=overwrite,
            trust=trust,
            listener=reporter,
        )
    finally:
        reporter.end()
    if json:
        show(record)
    else:
        print(_text(record))


def _text(record: dict[str, Any]) -> str:
    takes, gives = record["input"], record["output"]
    names = gives["class_names"] or gives["target_names"]
    shape = "x".join("?" if side is None else str(side) for side in takes["shape"])
    return (
        f"{record['folder']}/{record['file']}  {record['bytes']:,} bytes\n"
        f"input   {shape} {takes['dtype']}, raw values\n"
        f"output  {gives['task']}: {', '.join(map(str, names))}"
    )
