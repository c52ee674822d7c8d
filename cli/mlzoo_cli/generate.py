"""`mlzoo generate`: new samples from a generative model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlzoo.core.files import expand
from mlzoo_cli.options import Json, RunPath, Trust
from mlzoo_cli.output import say, show


def generate(
    run: RunPath,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write; by default generated, in the run's."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Samples to draw.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides what is drawn.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write into a folder that holds files.")
    ] = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Draw new samples from a generative model.

    Images are written as PNG, rows of a table as samples.csv; sheet.png shows them side by side,
    and manifest.json says what was drawn from which run. The same seed draws the same samples.
    """
    from mlzoo.api import load
    from mlzoo.reporting.drawn_samples import write_samples

    opened = load(run, trust=trust)
    drawn = opened.generate(count, seed)
    facts = {
        "run": opened.path.name,
        "model": opened.config.model,
        "weights_sha256": opened.metrics["weights_sha256"],
        "seed": seed,
    }
    folder = expand(output) if output else opened.path / "generated"
    files = write_samples(folder, drawn.samples, opened.reader, facts, overwrite)
    if json:
        show({**facts, "samples": count, "folder": str(folder), "files": files})
        return
    noun = "sample" if count == 1 else "samples"
    say(f"{count} {noun} written to {folder}; {folder / 'sheet.png'} shows them")
