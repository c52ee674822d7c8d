"""`mlzoo models show`: what a model is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mlzoo.core import registry
from mlzoo.core.errors import UsageError
from mlzoo_cli.listings import described, described_text
from mlzoo_cli.options import Json, sample_shape
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table


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
    """Describe a model and its settings; with --input also its layers and parameter counts."""
    from mlzoo.runs.config_loading import check_plugin_settings

    registry.trust(name)
    registry.check_name("model", name)
    if classes is not None and input is None:
        raise UsageError("--classes: has no effect without --input")
    shape = sample_shape(input) if input is not None else None
    settings = check_plugin_settings("model", name, set or [])
    record = described("model", name, settings)
    if shape is not None:
        from mlzoo.runs import devices

        devices.prepare()
        from mlzoo.layers.description import describe

        record |= describe(name, shape, classes or 10, settings) | {"settings": record["settings"]}
    show_json(record) if json else print(_text(record))


def _text(record: Mapping[str, Any]) -> str:
    lines = [described_text(record)]
    if "layers" in record:
        layers = record["layers"]
        lines += ["", table(list(layers[0]), [list(map(_value, la.values())) for la in layers]), ""]
        lines.append(f"parameters {record['parameters']:,}, trainable {record['trainable']:,}")
    return "\n".join(lines)


def _value(value: Any) -> Any:
    return "x".join(str(v) for v in value if v is not None) if isinstance(value, list) else value
