"""`mlzoo explainers`: list the explainer plug-ins, show one."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo.core import registry
from mlzoo_cli.models import setting_lines
from mlzoo_cli.options import Json
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table

app = typer.Typer(help="The methods of `mlzoo explain`.", invoke_without_command=True)


@app.callback()
def list_explainers(context: typer.Context, json: Json = False) -> None:
    """The methods of `mlzoo explain` (`explainers show NAME`)."""
    if context.invoked_subcommand is not None:
        return
    found = {name: registry.summary("explainer", name) for name in registry.names("explainer")}
    if json:
        show_json(found)
    else:
        print(table(["explainer", ""], list(found.items())))


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="An explainer.")], json: Json = False) -> None:
    """A method's settings, for --set NAME=VALUE."""
    registry.trust(name)
    registry.check_name("explainer", name)
    from mlzoo.core.settings import setting_table

    plugin = registry.load("explainer", name)
    rows = setting_table(str(plugin.__file__), plugin.Config())
    if json:
        show_json({"explainer": name, "settings": rows})
    else:
        print(registry.summary("explainer", name))
        print(setting_lines(rows))
