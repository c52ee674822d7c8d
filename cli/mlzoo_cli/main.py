"""The `mlzoo` command. Importing this loads neither Keras, NumPy nor pandas.

A command is a module of this package that has a function, or a `typer.Typer` called `app`, for
it. Only the module of the command that runs is imported; `mlzoo --help` reads the first line of
each command's docstring from its file.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from mlzoo.core import registry
from mlzoo_cli.options import ConfigCommand, ConfigGroup
from mlzoo_cli.output import run_command

COMMANDS = (
    *("train", "tune", "evaluate", "predict", "generate", "explain", "report", "check"),
    *("landscape", "circuit", "compare", "reproduce", "export", "pack", "push", "pull"),
    *("serve", "ui", "augment", "augmentations", "zoo", "weights", "data", "doctor"),
)
"""All commands, in the order that help shows them; a listing a kind of plug-in follows."""
LISTINGS = {kind.folder: name for name, kind in registry.KINDS.items()}
"""Kinds of plug-ins by the command that lists them."""
_LENIENT = {"ignore_unknown_options": True, "allow_extra_args": True}
"""Commands with two optional arguments find wrong options themselves, see `options.words`."""


class LazyCommands(Mapping[str, Any]):
    """All commands by name; each is imported when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, object] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            if name not in COMMANDS and name not in LISTINGS:
                raise KeyError(name)
            self._loaded[name] = _load(name)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        yield from (*COMMANDS, *LISTINGS)

    def __len__(self) -> int:
        return len(COMMANDS) + len(LISTINGS)


class Commands(ConfigGroup):
    """The group of all commands; help describes them without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands()  # type: ignore[assignment]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the listings, each with one line."""
        for title, names in (("Commands", COMMANDS), ("Plug-ins", tuple(LISTINGS))):
            with formatter.section(title):
                formatter.write_dl([(name, describe(name)) for name in names])


def describe(name: str) -> str:
    """Return the first line of a command's docstring, read without importing it."""
    if name in LISTINGS:
        from mlzoo_cli.listings import description

        return description(LISTINGS[name])
    tree = ast.parse(Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    matching = [f for f in functions if f.name == name] or [
        f for f in functions if any(ast.unparse(d) == "app.callback()" for d in f.decorator_list)
    ]
    return (ast.get_docstring(matching[0]) or "").partition("\n")[0]


def _load(name: str) -> Any:
    """Import a command or make a listing, as an object of Typer's that can be invoked."""
    if name in LISTINGS:
        from mlzoo_cli.listings import listing

        return _named(typer.main.get_command(listing(LISTINGS[name])), name)
    module = import_module(f"mlzoo_cli.{name}")
    if hasattr(module, "app"):
        return _named(typer.main.get_command(module.app), name)
    lone = typer.Typer(rich_markup_mode=None, add_completion=False)
    settings: Any = _LENIENT if getattr(module, "LENIENT", False) else None
    lone.command(name, cls=ConfigCommand, context_settings=settings)(getattr(module, name))
    return typer.main.get_command(lone)


def _named(command: Any, name: str) -> Any:
    command.name = name
    return command


def _version(requested: bool) -> None:
    if requested:
        from mlzoo import __version__

        print(f"mlzoo {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Commands,
    name="mlzoo",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=True,
)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train, tune, evaluate and explain Keras models, from data to a model to trust."""
    if context.invoked_subcommand is None:
        from mlzoo_cli.first_run import welcome

        print(welcome())


def run() -> None:
    """Entry point: run the command line and exit with its code."""
    from mlzoo.runs import devices

    devices.own_process = True
    sys.exit(run_command(app))


if __name__ == "__main__":
    run()
