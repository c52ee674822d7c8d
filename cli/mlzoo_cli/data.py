"""`mlzoo data inspect`: what was recognised, and what is wrong with it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlzoo_cli.options import Json, with_run_options
from mlzoo_cli.output import Talk, show

app = typer.Typer(help="Look at data before training.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Look at data before training."""


@app.command("inspect")
@with_run_options("Data")
def inspect(
    data: Annotated[str, typer.Argument(help="A file, a folder, or the name of a data set.")],
    seed: Annotated[str, typer.Option("--seed", help="Decides the split.")] = "0",
    json: Json = False,
    *,
    given: dict[str, Any],
) -> None:
    """Say what was recognised: counts, shapes, class balance, problems, the split."""
    from mlzoo.merging import merge

    merged = merge({"model": "linear", "data": data, "seed": seed, **given})
    from mlzoo.data.inspection import inspect as inspect_data

    talk = Talk(quiet=json)
    try:
        result = inspect_data(merged.config, talk.progress)
    finally:
        talk.end()
    if json:
        show(result)
    else:
        print(_text(result))


def _text(result: dict[str, Any]) -> str:
    return "\n".join(f"{key}: {value}" for key, value in result.items())
