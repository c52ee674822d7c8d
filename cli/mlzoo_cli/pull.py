"""`mlzoo pull`: download a run from the Hugging Face Hub."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo_cli.options import Json
from mlzoo_cli.output import say, show

Address = Annotated[str, typer.Argument(metavar="hf://USER/NAME", help="Model on the Hub.")]


def pull(
    address: Address,
    out: Annotated[str, typer.Option("--out", help="Folder that it goes into.")] = "saved_models",
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch, tag or commit of the repository.")
    ] = None,
    json: Json = False,
) -> None:
    """Download a run from the Hugging Face Hub.

    It appears in --out whole or not at all. Repositories with files that a run does not consist of
    are refused; code within one runs with `--trust` alone.
    """
    from mlzoo.sharing import hub

    place = hub.pull(address, out, revision)
    if json:
        show({"run": str(place)})
        return
    say(f"run folder: {place}")
    say(f"next: mlzoo predict {place} NEW-DATA")
