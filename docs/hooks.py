"""Pages of the reference that are made from the code, for mkdocs.

`reference/commands.md` holds every command with all its options, `reference/KIND.md` every plug-in
of a kind with its settings, and `reference/exit-codes.md` the exit codes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import typer
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mlzoo_cli import listings, main, options, output

from mlzoo.core import registry


def on_config(config: MkDocsConfig) -> None:
    """Add a page a kind of plug-in to the navigation."""
    [reference] = [section["Reference"] for section in config.nav if "Reference" in section]
    reference += [{_title(kind): f"reference/{registry.KINDS[kind].folder}.md"} for kind in KINDS]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are made."""
    pages = {
        "commands": commands(),
        "exit-codes": exit_codes(),
        **{registry.KINDS[kind].folder: plugins(kind) for kind in KINDS},
    }
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))


KINDS = tuple(registry.KINDS)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Name the search of pages that are no Markdown, such as 404.html, for screen readers."""
    for part in ('role="dialog"', 'id="__search"', 'id="__drawer"'):
        name = "Navigation" if "drawer" in part else "Search"
        output_content = output_content.replace(part, f'{part} aria-label="{name}"')
    return output_content


def _title(kind: str) -> str:
    return registry.KINDS[kind].folder.capitalize()


def _escaped(text: str) -> str:
    """Return a text such that Markdown shows it as it is, but for code spans, in one line."""
    parts = re.split(r"`([^`]*)`", " ".join(text.split()))
    prose = [re.sub(r"([*_<>|\[\]])", r"\\\1", part) for part in parts[::2]]
    code = [*map(_code, parts[1::2]), ""]
    return "".join(text for pair in zip(prose, code, strict=True) for text in pair)


def _code(text: str) -> str:
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def _rows(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def commands() -> str:
    """Return the page of all commands with their options, in panels as `--help-all` shows them."""
    lines = ["# Commands", ""]
    group = typer.main.get_command(main.app)
    for name in main.COMMANDS:
        lines += _command(f"mlzoo {name}", group.commands[name], "##")  # type: ignore[attr-defined]
    lines += ["## Listings", "", "One command a kind of plug-in; `show NAME` describes one.", ""]
    rows = [
        (f"`mlzoo {name}`", f"[{_escaped(main.describe(name))}]({name}.md)")
        for name in main.LISTINGS
    ]
    return "\n".join([*lines, *_rows(("command", "lists"), rows)])


def _command(name: str, command: Any, heading: str) -> Iterator[str]:
    yield from (f"{heading} {name}", "", _escaped(command.help or ""), "")
    for word, each in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {word}", each, heading + "#")
    panels: dict[str, list[tuple[str, ...]]] = {}
    with typer.Context(command, info_name=name) as context, options._all_shown(command):
        for parameter in command.get_params(context):
            record = parameter.get_help_record(context)
            if record is None or record[0].startswith("--help"):
                continue
            is_argument = parameter.param_type_name == "argument"
            panel = getattr(parameter, "rich_help_panel", None) or "Options"
            panels.setdefault("Arguments" if is_argument else panel, []).append(
                (_code(record[0]), _escaped(record[1]))
            )
    for panel, rows in panels.items():
        if len(panels) > 1:
            yield from (f"**{panel}**", "")
        yield from _rows(("option", "meaning"), rows)


def plugins(kind: str) -> str:
    """Return the page of a kind's plug-ins with their settings."""
    folder = registry.KINDS[kind].folder
    lines = [f"# {_title(kind)}", "", _escaped(listings.description(kind)), ""]
    for name in registry.names(kind):
        record: dict[str, Any] = listings.described(kind, name, {})
        lines += [f"## {name}", "", _markdown(record["description"]), ""]
        if record.get("data_sets"):
            lines += [f"Data sets: {', '.join(map(_code, record['data_sets']))}.", ""]
        rows = [
            (
                _code(row["flag"]),
                _escaped(_shown(row["value"])),
                _escaped(row["help"] + (f" ({row['range']})" if row["range"] else "")),
            )
            for row in record["settings"]
        ]
        lines += _rows(("setting", "default", "meaning"), rows) if rows else []
    return "\n".join([*lines, "", f"Files: `mlzoo/{folder}/`.", ""])


def _markdown(docstring: str) -> str:
    """Return a docstring with its sections of arguments as they are, its text escaped."""
    paragraphs = docstring.split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.startswith(("    ", "Args:")) else _escaped(paragraph)
        for paragraph in paragraphs
    )


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def exit_codes() -> str:
    """Return the page of exit codes, from the classes of errors."""
    rows = [("0", "Done.")]
    for error, code in sorted(output.EXIT_CODES.items(), key=lambda item: item[1]):
        first = (error.__doc__ or "").split(". ")[0].removesuffix(".")
        rows.append((str(code), f"{_escaped(first)}."))
    rows += [("130", "Ctrl-C."), ("143", "SIGTERM, from `kill` or a scheduler.")]
    return "\n".join(
        [
            "# Exit codes",
            "",
            "Results go to standard output; progress, notes and errors to standard error.",
            "",
            *_rows(("code", "meaning"), rows),
        ]
    )
