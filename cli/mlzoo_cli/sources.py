"""`mlzoo sources`: list the ways to read data, show one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlzoo import fields, registry
from mlzoo_cli.options import Json
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table

app = typer.Typer(
    help="The ways to read data, and the data sets by name.", invoke_without_command=True
)


@app.callback()
def list_sources(context: typer.Context, json: Json = False) -> None:
    """The ways to read data, and the data sets by name (`sources show NAME`)."""
    if context.invoked_subcommand is not None:
        return
    found = {name: registry.summary("source", name) for name in registry.names("source")}
    if json:
        show_json(found)
    else:
        print(table(["source", ""], list(found.items())))


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="A source.")], json: Json = False) -> None:
    """A source's settings: flags of `mlzoo train`, or --source-set NAME=VALUE."""
    registry.check_name("source", name)
    path = Path(registry.__file__).parent / "data" / "sources" / f"{name}.py"
    found = [s for s in fields.settings(path) if s.name != "data"]
    flags = {
        s.name for s in fields.settings(Path(fields.__file__).with_name("configs.py"), "RunConfig")
    }
    rows = [
        {
            "setting": f"--{s.name.replace('_', '-')}"
            if s.name in flags
            else f"--source-set {s.name}",
            "type": s.annotation,
            "default": s.default,
            "help": s.help,
        }
        for s in found
    ]
    if json:
        show_json({"name": name, "summary": registry.summary("source", name), "settings": rows})
    else:
        print(registry.summary("source", name))
        print(table(["setting", "type", "default", ""], [list(row.values()) for row in rows]))
