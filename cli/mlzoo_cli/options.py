"""Options: those of a run are made from `RunConfig`'s source, so each is declared once.

All of them arrive as text and are checked by `RunConfig`, so that every mistake, in a flag or in
a file, is found in one pass and worded the same way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand

from mlzoo.core import fields, registry
from mlzoo.core.files import quote_formulas

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run Python code that a run folder or configuration file holds or names; without it "
        "none is run.",
    ),
]
SafeCsv = Annotated[
    bool,
    typer.Option(
        "--safe-csv",
        callback=lambda on: quote_formulas(on),
        help="Write an apostrophe before CSV cells that a spreadsheet would compute: names that "
        "begin with =, +, -, @ or a tab.",
    ),
]
Tta = Annotated[
    str,
    typer.Option(
        "--tta",
        help="Test-time augmentation: none, or flips, the mean over an image turned and mirrored.",
    ),
]
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="A finished run folder.")]

_CONFIG_SOURCE = Path(fields.__file__).with_name("configs.py")
_LISTS = ("set", "source_set")


class Panelled(TyperCommand):
    """A command whose help groups the options by panel; those without one come last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options of each panel under a title."""
        titles = {
            parameter: "Arguments"
            if isinstance(parameter, TyperArgument)
            else getattr(parameter, "rich_help_panel", None) or "Options"
            for parameter in self.get_params(ctx)
        }
        for title in sorted(set(titles.values()), key=_place(list(titles.values()))):
            records = [p.get_help_record(ctx) for p, own in titles.items() if own == title]
            with formatter.section(title):
                formatter.write_dl([record for record in records if record is not None])


def _place(titles: list[str]) -> Callable[[str], tuple[bool, int]]:
    return lambda title: (title == "Options", titles.index(title))


def with_run_options(*panels: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `RunConfig`'s fields as options to a command that takes `given` and `problems` last.

    `panels` chooses groups of fields; none chooses all. The command gets the flags that were
    given as `given`, by field name, as text, and a line for each that was given twice.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        chosen = [
            s
            for s in fields.settings(_CONFIG_SOURCE, "RunConfig")
            if s.name not in ("model", "data") and (not panels or s.panel in panels)
        ]
        own = [
            p
            for p in inspect.signature(command, eval_str=True).parameters.values()
            if p.name not in ("given", "problems")
        ]
        added = [_parameter(setting) for setting in chosen]

        def wrapper(**values: Any) -> Any:
            names = {s.name for s in chosen}
            given = {n: v for n, v in values.items() if n in names and v not in (None, [], False)}
            rest = {name: value for name, value in values.items() if name not in names}
            problems = []
            for name, value in given.items():
                if isinstance(value, list) and name not in _LISTS:
                    *before, given[name] = value
                    if before:
                        problems.append(f"{_flag(name)}: given twice ({', '.join(value)})")
            return command(**rest, given=given, problems=problems)

        wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
        wrapper.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in [*own, *added]}
        return wrapper

    return decorate


def _parameter(setting: fields.Setting) -> inspect.Parameter:
    flag = _flag(setting.name)
    shown = setting.default not in (None, "None", "{}", "[]", "False")
    text = f"{setting.help} [default: {setting.default}]" if shown else setting.help
    common: dict[str, Any] = {"help": text, "show_default": False, "rich_help_panel": setting.panel}
    kind: Any
    if setting.annotation == "bool":
        kind, option = bool, typer.Option(flag, **common)
        default: Any = False
    else:
        # A list, so that an option that is given twice can be refused.
        metavar = "NAME=VALUE" if setting.name in _LISTS else _metavar(setting)
        kind, option = list[str], typer.Option(flag, metavar=metavar, **common)
        default = []
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _metavar(setting: fields.Setting) -> str:
    annotation = setting.annotation
    if "Literal[" in annotation:
        inside = annotation.partition("Literal[")[2].partition("]")[0]
        words = [w.strip().strip("'\"") for w in inside.split(",")]
        text = "|".join(words)
        text = f"INTEGER|{text}" if annotation.startswith("int |") else text
        return text if len(text) < 40 else "NAME"
    for name, shown in (("int", "INTEGER"), ("float", "NUMBER"), ("list", "A,B"), ("str", "TEXT")):
        if annotation.startswith(name) or f"[{name}" in annotation:
            return shown
    return "TEXT"


def wrong_flags(extra: Iterable[str], known: Iterable[str]) -> list[str]:
    """A line for each word of the command line that is no option and no argument."""
    problems = []
    words = iter(extra)
    names = sorted(known)
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            problems.append(registry.unknown("option", name, names))
        elif word.startswith("-") and len(word) > 1:
            problems.append(registry.unknown("option", word, names))
        elif not problems:
            problems.append(f"unexpected argument {word!r}")
    return problems
