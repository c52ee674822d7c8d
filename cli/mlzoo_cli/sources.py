"""`mlzoo sources`: list the ways to read data, show one."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from mlzoo.core import registry
from mlzoo_cli.models import setting_lines
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
    registry.trust(name)
    registry.check_name("source", name)
    from mlzoo.core.configs import RunConfig
    from mlzoo.core.settings import setting_table

    plugin = registry.load("source", name)
    rows = [
        row
        for row in setting_table(str(plugin.__file__), plugin.Config(data=""))
        if row["name"] != "data"
    ]
    for row in rows:
        shared = row["name"] in RunConfig.model_fields
        row["flag"] = _flag(row["name"]) if shared else f"--source-set {row['name']}"
    sets = list(getattr(plugin, "NAMES", ()))
    if json:
        summary = registry.summary("source", name)
        show_json({"name": name, "summary": summary, "data_sets": sets, "settings": rows})
    else:
        print(registry.summary("source", name))
        if sets:
            print(textwrap.fill(f"data sets: {', '.join(sets)}", 96))
        print(setting_lines([{**row, "name": row["flag"]} for row in rows], flag=""))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
