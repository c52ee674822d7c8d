"""Options: those of a command are made from the source of its configuration's class.

Name, type, default, choices and help are declared once, in the class. All options arrive as text
and are checked by the class, so that every mistake, in a flag or in a file, is found in one pass
and worded the same way.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from mlzoo.core import fields, registry
from mlzoo.core.errors import UsageError
from mlzoo.core.files import quote_formulas

Given = dict[str, Any]
"""Values of the options that were given, by the names of their fields."""
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Run Python code that a run folder or configuration file holds or names; without it "
        "none is run.",
    ),
]


def _safe_csv(hidden: bool) -> Any:
    return typer.Option(
        "--safe-csv",
        callback=lambda on: quote_formulas(on),
        hidden=hidden,
        help="Write an apostrophe before CSV cells that a spreadsheet would compute: names that "
        "begin with =, +, -, @ or a tab.",
    )


SafeCsv = Annotated[bool, _safe_csv(hidden=False)]
RareSafeCsv = Annotated[bool, _safe_csv(hidden=True)]
"""The same for commands with many options."""
Tta = Annotated[
    str,
    typer.Option(
        "--tta",
        help="Test-time augmentation: none, or flips, the mean over an image turned and mirrored.",
    ),
]
RunPath = Annotated[str, typer.Argument(metavar="RUN", help="A finished run folder.")]

_ROOT = Path(fields.__file__).parents[1]
_EMPTY = (None, "", "None", "{}", "[]", "()", "False", "True")
"""Defaults that help leaves out."""
_PAIR = "tuple[str, str]"
"""Annotation of fields whose option takes two values."""
_FEW = 25
"""Number of options up to which `--help` shows all of them."""


@dataclass(frozen=True)
class Fields:
    """Fields of a configuration class that become options.

    Attributes:
        file: the class's file below `mlzoo/`.
        class_name: the class.
        panels: groups of fields to take; none: all.
        names: fields to take besides.
        leave_out: fields that become no options, such as positional arguments.
        basic: groups whose basic options `--help` shows where there are many; None: those of all
            groups.
        detailed: groups whose options of second rank (`Flag.detail`) it shows too.
        once: an option that is given twice is a mistake; without it the last one counts.
        title: name of the configuration in the help of an option that another class has too.
    """

    file: str
    class_name: str
    panels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    basic: tuple[str, ...] | None = None
    detailed: tuple[str, ...] = ()
    once: bool = False
    title: str = ""

    def settings(self) -> list[fields.Setting]:
        """Return the fields, in the order of the class."""
        chosen = [s for s in _read(self.file, self.class_name) if s.name not in self.leave_out]
        if self.panels or self.names:
            chosen = [s for s in chosen if s.panel in self.panels or s.name in self.names]
        return chosen

    def argument(self, name: str, **settings: Any) -> Any:
        """Return the positional argument of a field, whose help is the field's."""
        [setting] = [s for s in _read(self.file, self.class_name) if s.name == name]
        metavar = settings.pop("metavar", name.upper())
        return typer.Argument(help=setting.help, metavar=metavar, show_default=False, **settings)

    def shows(self, setting: fields.Setting) -> bool:
        """Return whether `--help` shows the option of a field."""
        basic = self.basic is None or setting.panel in self.basic
        detail = setting.flag.detail and setting.panel in self.detailed
        return detail or (setting.flag.basic and basic)

    def of(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the given options that are fields of this class."""
        names = {setting.name for setting in self.settings()}
        return {name: value for name, value in given.items() if name in names}


@functools.cache
def _read(file: str, class_name: str) -> list[fields.Setting]:
    return fields.settings(_ROOT / file, class_name)


def run_fields(*panels: str, **chosen: Any) -> Fields:
    """Return `RunConfig`'s fields, but for the positional ones; see `Fields`."""
    out = (*chosen.pop("leave_out", ()), "model", "data")
    return Fields("core/configs.py", "RunConfig", panels, leave_out=out, once=True, **chosen)


def machine_fields(*names: str) -> Fields:
    """Return the fields of `Machines`, or some of them."""
    return Fields("training/distributed/settings.py", "Machines", names=names, once=True)


def run_argument(name: str) -> Any:
    """Return the positional argument of a field of `RunConfig`."""
    return run_fields().argument(name)


class ConfigGroup(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, such that help and listings need not wait for pydantic."""
        return _unset_as_false(super().get_params(ctx))


def _unset_as_false(parameters: Any) -> Any:
    """Let --help and --show-completion be False where they are not given.

    Typer passes every value but True and False on to pydantic, which takes longer to import than
    help takes to print.
    """
    for parameter in parameters:
        if not parameter.expose_value and parameter.default is None:
            parameter.default = False
    return parameters


class ConfigCommand(TyperCommand):
    """A command whose help groups the options by panel; those without one come last.

    Options that are declared hidden are shown by `--help-all` alone.
    """

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, such that help need not wait for pydantic."""
        return _unset_as_false(super().get_params(ctx))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options of each panel under a title."""
        titles = {
            parameter: "Arguments"
            if isinstance(parameter, TyperArgument)
            else getattr(parameter, "rich_help_panel", None) or "Options"
            for parameter in self.get_params(ctx)
        }
        records = [(panel, p.get_help_record(ctx)) for p, panel in titles.items()]
        shown = [(panel, record) for panel, record in records if record is not None]
        order = list(dict.fromkeys(panel for panel, _ in shown))
        ends = {"Arguments": -1, "Options": 1}
        for title in sorted(order, key=lambda title: (ends.get(title, 0), order.index(title))):
            with formatter.section(title):
                formatter.write_dl([record for panel, record in shown if panel == title])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write how many options there are where some are not shown."""
        options = [p for p in self.get_params(ctx) if not isinstance(p, TyperArgument)]
        if any(getattr(option, "hidden", False) for option in options):
            formatter.write_paragraph()
            formatter.write_text(f"--help-all shows all {len(options)} options.")

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete the options that `--help` does not show too."""
        with _all_shown(self):
            return super().shell_complete(ctx, incomplete)


@contextmanager
def _all_shown(command: Any) -> Iterator[None]:
    hidden = [parameter for parameter in command.params if getattr(parameter, "hidden", False)]
    for parameter in hidden:
        parameter.hidden = False
    try:
        yield
    finally:
        for parameter in hidden:
            parameter.hidden = True


def _print_all(context: typer.Context, requested: bool) -> None:
    if requested:
        with _all_shown(context.command):
            print(context.get_help())
        raise typer.Exit


_HelpAll = Annotated[
    bool,
    typer.Option(
        "--help-all", callback=_print_all, is_eager=True, help="Show all options and exit."
    ),
]


def with_options(*configs: Fields) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add fields of configuration classes as options to a command.

    The command takes `given` and `problems` last: the options that were given, by field name, as
    text (a list of NAME=VALUE for a mapping, a bool for a switch), and a line for each that was
    given twice (see `Fields.once`). A field that several classes have is one option. Where there
    are few options, `--help` shows all of them.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        declared: dict[str, list[tuple[Fields, fields.Setting]]] = {}
        for config in configs:
            for setting in config.settings():
                declared.setdefault(setting.name, []).append((config, setting))
        kind = inspect.Parameter.KEYWORD_ONLY
        command_parameters = [
            p.replace(kind=kind)
            for p in inspect.signature(command, eval_str=True).parameters.values()
            if p.name not in ("given", "problems")
        ]
        few = len(declared) + len(command_parameters) <= _FEW
        parameters = [
            *(_parameter(alternatives, few) for alternatives in declared.values()),
            *command_parameters,
        ]
        if not few:
            help_all = inspect.Parameter("help_all", kind, default=False, annotation=_HelpAll)
            parameters.append(help_all)

        def wrapper(help_all: bool = False, **values: Any) -> Any:
            rest = {name: value for name, value in values.items() if name not in declared}
            given, problems = _given({n: v for n, v in values.items() if n in declared}, declared)
            return command(**rest, given=given, problems=problems)

        wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def _given(
    values: Mapping[str, object], declared: Mapping[str, list[tuple[Fields, fields.Setting]]]
) -> tuple[dict[str, object], list[str]]:
    """Return the options that were given, and a line for each that was given once too often."""
    given, problems = {}, []
    for name, value in values.items():
        if value in (None, []):
            continue
        given[name] = value
        if isinstance(value, list) and not _is_mapping(declared[name][0][1]):
            *before, given[name] = value
            if before and any(config.once for config, _ in declared[name]):
                problems.append(f"{flag_of(name)}: given twice ({', '.join(value)})")
    return given, problems


def _parameter(alternatives: list[tuple[Fields, fields.Setting]], shown: bool) -> inspect.Parameter:
    """Return the option of a field, which several classes may have.

    Args:
        alternatives: the field in each class that has it.
        shown: `--help` shows the option even where no class says so.
    """
    setting = alternatives[0][1]
    flag = flag_of(setting.name)
    kind: Any = list[str]
    default: Any = []
    common: dict[str, Any] = {
        "help": _help(alternatives),
        "show_default": False,
        "rich_help_panel": setting.panel or None,
        "hidden": not shown and not any(config.shows(each) for config, each in alternatives),
    }
    also = [each.flag.also for _, each in alternatives if each.flag.also]
    if setting.annotation == "bool":
        on = setting.default == "True"
        kind, default = bool | None, None
        option = typer.Option(f"{flag}/--no-{flag[2:]}" if on else flag, **common)
    elif setting.annotation.startswith(_PAIR):
        kind, default = tuple[str, str] | None, None
        option = typer.Option(flag, *also, metavar=_metavar(setting), **common)
    else:
        # A list, so that an option that is given twice can be refused.
        option = typer.Option(flag, *also, metavar=_metavar(setting), **common)
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )


def _help(alternatives: list[tuple[Fields, fields.Setting]]) -> str:
    """Return the help of an option; where several classes have it, that of each."""
    texts = {}
    for config, setting in alternatives:
        shown = f" [default: {setting.default}]" if setting.default not in _EMPTY else ""
        texts[config.title or setting.panel] = setting.help + shown
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return " ".join(f"{panel}: {text}" for panel, text in texts.items())


def flag_of(name: str) -> str:
    """Return the option of a field."""
    return "--" + name.replace("_", "-")


def _is_mapping(setting: fields.Setting) -> bool:
    return setting.annotation.startswith("dict")


def _metavar(setting: fields.Setting) -> str:
    annotation = setting.annotation
    if setting.flag.metavar:
        return setting.flag.metavar
    if _is_mapping(setting):
        return "NAME=VALUE"
    if "Literal[" in annotation:
        inside = annotation.partition("Literal[")[2].partition("]")[0]
        choices = [w.strip().strip("'\"") for w in inside.split(",")]
        text = "|".join(choices)
        text = f"INTEGER|{text}" if annotation.startswith("int |") else text
        return text if len(text) < 40 else "NAME"
    listed = (("list", "A,B"), ("tuple", "A,B"), ("Words", "A,B"))
    for name, shown in (("int", "INTEGER"), ("float", "NUMBER"), *listed):
        if annotation.startswith(name):
            return shown
    return "TEXT"


def words(
    context: typer.Context, positional: list[str | None]
) -> tuple[list[str | None], list[str]]:
    """Return two arguments, and the problems of words that are neither options nor arguments.

    Behind an unknown option its value and the arguments can't be told apart by their position, so
    where there are too many words those that follow such an option count as its value.
    """
    known = [name for parameter in context.command.params for name in parameter.opts]
    tokens = [word for word in [*positional, *context.args] if word]
    options = [word for word in tokens if word.startswith("-")]
    arguments = [word for word in tokens if not word.startswith("-")]
    for option, value in zip(tokens, tokens[1:], strict=False):
        if option in options and value in arguments and "=" not in option and len(arguments) > 2:
            arguments.remove(value)
    pair: list[str | None] = [*arguments[:2], None, None][:2]
    return pair, wrong_flags([*options, *arguments[2:]], known)


def wrong_flags(extra: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a line for each word of the command line that is no option and no argument."""
    problems = []
    names = sorted(known)
    for word in extra:
        if word.startswith("-") and len(word) > 1:
            name = word.partition("=")[0] if word.startswith("--") else word
            problems.append(registry.unknown("option", name, names))
        elif not problems:
            problems.append(f"unexpected argument {word!r}")
    return problems


def sample_shape(text: str) -> tuple[int, ...]:
    """Return a sample shape as it is typed: 28x28x1, 60x4 or 11.

    Raises:
        UsageError: it is none.
    """
    parts = text.split("x")
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(
            f"--input: write 28x28x1, 60x4 for steps of channels, or 11 for columns (got {text!r})"
        )
    return tuple(int(part) for part in parts)
