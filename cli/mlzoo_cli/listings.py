"""The listings: one command a kind of plug-in of `registry.KINDS`, all made here.

`mlzoo models` lists the plug-ins of a kind, `mlzoo models show NAME` describes one. A kind that
has more to show has a module with the name of its folder and a function `show` (`models.py`).
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mlzoo
from mlzoo.core import fields, registry
from mlzoo_cli.options import ConfigCommand, ConfigGroup, Json
from mlzoo_cli.output import show as show_json
from mlzoo_cli.output import table

if TYPE_CHECKING:
    from mlzoo.core.settings import FlaggedRow

_ROOT = Path(str(mlzoo.__file__)).parent
_WIDTH = 96


def description(kind: str) -> str:
    """Return the first line of the docstring of a kind's package."""
    return _docstring(_ROOT / registry.KINDS[kind].folder / "__init__.py").partition("\n")[0]


def listing(kind: str) -> typer.Typer:
    """Return the command that lists a kind of plug-in and shows one."""
    app = typer.Typer(
        cls=ConfigGroup,
        help=f"{description(kind)}\n\n`show NAME` describes one.",
        invoke_without_command=True,
        rich_markup_mode=None,
        add_completion=False,
    )

    @app.callback()
    def list_plugins(context: typer.Context, json: Json = False) -> None:
        if context.invoked_subcommand is None:
            summaries = {name: registry.summary(kind, name) for name in registry.names(kind)}
            show_json(summaries) if json else print(table([kind, ""], list(summaries.items())))

    app.command("show", cls=ConfigCommand)(_show(kind))
    return app


def _show(kind: str) -> Callable[..., None]:
    module = f"mlzoo_cli.{registry.KINDS[kind].folder}"
    if importlib.util.find_spec(module) is not None:
        command: Callable[..., None] = importlib.import_module(module).show
        return command

    def show(
        name: Annotated[str, typer.Argument(help="A plug-in's name, or your own plug-in file.")],
        json: Json = False,
    ) -> None:
        registry.trust(name)
        registry.check_name(kind, name)
        record = described(kind, name, {})
        show_json(record) if json else print(described_text(record))

    show.__doc__ = f"Describe a {kind} and its settings."
    return show


def described(kind: str, name: str, values: Mapping[str, object]) -> dict[str, object]:
    """Return what is known of a plug-in: its docstring, data sets, and settings as rows.

    Args:
        kind: a key of `registry.KINDS`.
        name: the plug-in, which exists and is trusted.
        values: settings, checked, that are shown in place of the defaults.
    """
    file = None if registry.build_function(name) else registry.source_file(kind, name)
    if file is not None and not fields.settings(file):  # Nothing to import it for.
        return _about(kind, name, _docstring(file), [])
    from mlzoo.core.settings import setting_table

    plugin = registry.load(kind, name)
    needed = {n: "" for n, field in plugin.Config.model_fields.items() if field.is_required()}
    rows: list[FlaggedRow] = [
        {**row, "flag": _flag(kind, row["name"])}
        for row in setting_table(str(plugin.__file__), plugin.Config(**{**needed, **values}))
        if row["name"] not in needed
    ]
    record = _about(kind, name, (plugin.__doc__ or "").strip(), rows)
    return record | ({"data_sets": list(getattr(plugin, "NAMES", ()))} if kind == "source" else {})


def _about(
    kind: str, name: str, text: str, rows: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    summary = text.partition("\n")[0]
    return {kind: name, "name": name, "summary": summary, "description": text, "settings": rows}


def _docstring(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def described_text(record: Mapping[str, Any]) -> str:
    """Return the same for people."""
    lines = [record["description"]]
    if record.get("data_sets"):
        lines += ["", textwrap.fill(f"data sets: {', '.join(record['data_sets'])}", _WIDTH)]
    if "Config" in registry.KINDS[next(iter(record))].exports:
        lines += ["", setting_lines(record["settings"]) or "It has no settings."]
    return "\n".join(lines)


def setting_lines(rows: Sequence[FlaggedRow]) -> str:
    """Return settings as `FLAG=value`, each with its help and range below it."""
    lines = []
    for row in rows:
        value = row["value"]
        shown = ",".join(map(str, value)) if isinstance(value, list) else value
        lines.append(f"{row['flag']}={'' if shown is None else shown}")
        choices = f" ({row['range']})" if row["range"] and "," not in row["range"] else ""
        lines += textwrap.wrap(
            row["help"] + choices, _WIDTH, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines)


def _flag(kind: str, name: str) -> str:
    """Return how a setting of a plug-in is given on the command line."""
    run_settings = {setting.name for setting in fields.settings(*_RUN)}
    if kind in ("source", "optimizer", "schedule", "loss") and name in run_settings:
        return "--" + name.replace("_", "-")
    settings = {setting.name for place in (_RUN, _TUNE) for setting in fields.settings(*place)}
    return f"--{kind}-set {name}" if f"{kind}_set" in settings else f"--set {name}"


_RUN = (_ROOT / "core" / "configs.py", "RunConfig")
_TUNE = (_ROOT / "tuning" / "settings.py", "TuneConfig")
