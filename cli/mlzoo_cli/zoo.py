"""`mlzoo zoo`: the trained models that come with mlzoo."""

from __future__ import annotations

from typing import Annotated

import typer

from mlzoo.runs import zoo
from mlzoo_cli.options import ConfigGroup, Json
from mlzoo_cli.output import say, table
from mlzoo_cli.output import show as show_json

app = typer.Typer(cls=ConfigGroup, invoke_without_command=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A model of the zoo (`mlzoo zoo`).")]


@app.callback()
def main(context: typer.Context, json: Json = False) -> None:
    """List the small trained models that come with mlzoo.

    `zoo show NAME` describes one, `zoo pull NAME` copies it.
    """
    if context.invoked_subcommand is None:
        list_models(json)


@app.command("list")
def list_models(json: Json = False) -> None:
    """All models: what they do, how large they are, and their test scores."""
    models = [zoo.describe(name) for name in zoo.names()]
    if json:
        show_json(models)
        return
    columns = ("name", "task", "data", "parameters", "metric", "value")
    print(table(columns, [[each.get(column) for column in columns] for each in models]))


@app.command("show")
def show(name: Name, json: Json = False) -> None:
    """A model: its data, its score over seeds beside the baselines, and its command."""
    record = zoo.describe(name)
    if json:
        show_json(record)
        return
    seeds = record["seeds"]
    spread = f", {seeds['mean']:.4g} ± {seeds['std']:.2g} over seeds" if seeds else ""
    others = [f"{each} {value:.4g}" for each, value in record["baselines"].items() if value]
    lines = [
        f"{name}: {record['task']} on {record['data']} ({record['samples']:,} samples)",
        f"{record['metric']} {record['value']:.4g}{spread}; baselines: {', '.join(others)}",
        f"{record['parameters']:,} parameters, {record['bytes'] / 1000:,.0f} kB",
        f"classes: {', '.join(record['classes'])}" if record["classes"] else "",
        record["command"],
    ]
    print("\n".join(line for line in lines if line))


@app.command("pull")
def pull(
    name: Name,
    out: Annotated[str, typer.Option("--out", help="Folder that it goes into.")] = "saved_models",
) -> None:
    """Copy a model's run folder, to predict with, to explain, to go on from.

    NAME may also be a run on the Hugging Face Hub, hf://USER/NAME.
    """
    if name.startswith("hf://"):
        from mlzoo.sharing import hub

        place = hub.pull(name, out)
    else:
        place = zoo.pull(name, out)
    say(f"run folder: {place}")
    say(f"next: mlzoo evaluate {place}")
    print(place)
