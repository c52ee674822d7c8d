"""`mlzoo predict`: new samples to a CSV table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.errors import UsageError
from mlzoo.files import csv_text, write_text
from mlzoo_cli.options import Json, RunPath, Trust
from mlzoo_cli.output import Talk, say, show

if TYPE_CHECKING:
    from mlzoo.trained import Predictions, Run


def predict(
    run: RunPath,
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA...", help="Images, folders of images, tables or arrays."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="CSV file to write, by default stdout. Where every pixel is predicted a folder, "
            "for masks/ (index PNG), classes.txt and overlays/, or for fields/ (.npy).",
        ),
    ] = None,
    probabilities: Annotated[
        bool,
        typer.Option("--probabilities", help="Masks: write probabilities/ (.npy, float16) too."),
    ] = False,
    no_overlays: Annotated[
        bool,
        typer.Option(
            "--no-overlays", help="Masks: leave out overlays/, the masks on their images."
        ),
    ] = False,
    tile: Annotated[
        str | None,
        typer.Option("--tile", help="Cut images otherwise than in training: a side, or none."),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option("--overlap", help="Pixels that tiles share, with --tile.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of --output that exist.")
    ] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Predict new samples, one row each; masks and fields of images go into a folder.

    A row has a name, the prediction and the probability of every class. Of a segmentation it has
    the share of each class's pixels, and with --output each image's mask is written, whose pixels
    are class positions that classes.txt names; of fields their means, and the fields are written.
    """
    if overwrite and output is None:
        raise UsageError("--overwrite: has no effect without --output")
    from mlzoo.trained import load

    opened = load(run, trust=trust)
    if opened.dense:
        from mlzoo_cli.painting import Wanted, paint

        paint(
            opened,
            data,
            output,
            Wanted(probabilities, not no_overlays, overwrite),
            tile,
            overlap,
            json,
        )
        return
    flags = {
        "--probabilities": probabilities,
        "--no-overlays": no_overlays,
        "--tile": tile,
        "--overlap": overlap,
    }
    unused = [flag for flag, value in flags.items() if value]
    if unused:
        raise UsageError(f"{', '.join(unused)}: has no effect on {opened.record['task']}")
    if output is not None and output.exists() and not overwrite:
        raise UsageError(f"{output} exists already; choose another, or add --overwrite")
    if output is not None and json:
        raise UsageError("--json prints to stdout and --output writes CSV: choose one")
    _to_table(opened, data, output, json)


def _to_table(opened: Run, data: list[str], output: Path | None, json: bool) -> None:
    """A row a sample, as CSV or JSON."""
    talk = Talk(quiet=json)
    try:
        found = [opened.predict(path, talk) for path in data]
    finally:
        talk.end()
    for warning in dict.fromkeys(text for predictions in found for text in predictions.warnings):
        talk.warn(warning)
    rows = [row for predictions in found for row in _rows(opened, predictions)]
    if json:
        show(rows)
        return
    text = csv_text(rows)
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)
        say(f"{len(rows)} predictions in {output}")


def _rows(run: Run, predictions: Predictions) -> list[dict[str, Any]]:
    rows = []
    targets = run.record["target_names"]
    for i, (name, label) in enumerate(zip(predictions.names, predictions.labels, strict=True)):
        row: dict[str, Any] = {"name": name}
        if predictions.probabilities is not None:
            row["prediction"] = label
            probabilities = predictions.probabilities[i].tolist()
            classes = run.record["class_names"]
            row |= {f"p_{c}": round(p, 6) for c, p in zip(classes, probabilities, strict=True)}
        elif isinstance(label, list):
            row |= {f"prediction_{t}": v for t, v in zip(targets, label, strict=True)}
        else:
            row["prediction"] = label
        rows.append(row)
    return rows
