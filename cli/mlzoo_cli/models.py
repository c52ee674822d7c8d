"""`mlzoo models`: list the model plug-ins, show one."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

import typer

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo_cli.options import Json
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table

app = typer.Typer(
    help="The models there are, and what one is made of.", invoke_without_command=True
)


@app.callback()
def list_models(context: typer.Context, json: Json = False) -> None:
    """The models there are, and what one is made of (`models show NAME`)."""
    if context.invoked_subcommand is not None:
        return
    found = {name: registry.summary("model", name) for name in registry.names("model")}
    if json:
        show_json(found)
    else:
        print(table(["model", ""], list(found.items())))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A model, or your own plug-in file.")],
    input: Annotated[
        str | None,
        typer.Option(
            "--input", help="Sample shape: 28x28x1, 60x4 (steps x channels), or 11 (columns)."
        ),
    ] = None,
    classes: Annotated[
        int | None, typer.Option("--classes", min=2, help="Number of classes [default: 10].")
    ] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Model setting.")
    ] = None,
    json: Json = False,
) -> None:
    """A model's settings; with --input also its layers and parameter counts."""
    from mlzoo.runs.config_loading import check_plugin_settings

    registry.trust(name)
    registry.check_name("model", name)
    if classes is not None and input is None:
        raise UsageError("--classes: has no effect without --input")
    shape = shape_of(input) if input is not None else None
    settings = check_plugin_settings("model", name, set or [])
    if shape is None:
        from mlzoo.core.settings import setting_table

        plugin = registry.load("model", name)
        rows = setting_table(str(plugin.__file__), plugin.Config(**settings))
        result: dict[str, Any] = {"model": name, "settings": rows}
    else:
        from mlzoo.runs import devices

        devices.prepare()
        from mlzoo.layers.description import describe

        result = describe(name, shape, classes or 10, settings)
    if json:
        show_json(result)
    else:
        print(_text(result))


def shape_of(text: str) -> tuple[int, ...]:
    """A sample shape as it is typed: 28x28x1, 60x4 or 11."""
    parts = text.split("x")
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(
            f"--input: write 28x28x1, 60x4 for steps of channels, or 11 for columns (got {text!r})"
        )
    return tuple(int(part) for part in parts)


def _text(result: dict[str, Any]) -> str:
    lines = [setting_lines(result["settings"])]
    if "layers" in result:
        layers = result["layers"]
        lines += ["", table(list(layers[0]), [list(map(_value, la.values())) for la in layers]), ""]
        lines.append(f"parameters {result['parameters']:,}, trainable {result['trainable']:,}")
    return "\n".join(lines)


def setting_lines(rows: list[dict[str, Any]], flag: str = "--set ") -> str:
    """Settings as `--set name=value`, each with its help and range below it."""
    lines = []
    for row in rows:
        value = row["value"]
        shown = ",".join(map(str, value)) if isinstance(value, list) else value
        lines.append(f"{flag}{row['name']}={'' if shown is None else shown}")
        choices = f" ({row['range']})" if row["range"] and "," not in row["range"] else ""
        lines += textwrap.wrap(
            row["help"] + choices, 96, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines)


def _value(value: Any) -> Any:
    return "x".join(str(v) for v in value if v is not None) if isinstance(value, list) else value
