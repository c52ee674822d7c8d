"""`mlzoo strategies`: list the strategies of a search, show one."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo.core import registry
from mlzoo_cli.models import setting_lines
from mlzoo_cli.options import Json
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table

app = typer.Typer(help="How a search decides what to try next.", invoke_without_command=True)


@app.callback()
def list_strategies(context: typer.Context, json: Json = False) -> None:
    """How a search decides what to try next (`strategies show NAME`)."""
    if context.invoked_subcommand is not None:
        return
    found = {name: registry.summary("strategy", name) for name in registry.names("strategy")}
    if json:
        show_json(found)
    else:
        print(table(["strategy", ""], list(found.items())))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A strategy, or your own plug-in file.")],
    json: Json = False,
) -> None:
    """A strategy's settings: --strategy-set NAME=VALUE of `mlzoo tune`."""
    registry.trust(name)
    registry.check_name("strategy", name)
    from mlzoo.core.settings import setting_table

    plugin = registry.load("strategy", name)
    rows = setting_table(str(plugin.__file__), plugin.Config())
    if json:
        show_json({"strategy": name, "settings": rows})
    else:
        print((plugin.__doc__ or "").strip())
        print("\n" + (setting_lines(rows, flag="--strategy-set ") or "It has no settings."))
