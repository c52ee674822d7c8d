"""`mlzoo augment write`: augmented copies on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mlzoo_cli.options import (
    ConfigCommand,
    ConfigGroup,
    Json,
    RareSafeCsv,
    run_fields,
    with_options,
)
from mlzoo_cli.output import ConsoleReporter, say, show

app = typer.Typer(cls=ConfigGroup, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _augment() -> None:
    """Write augmented copies of images."""


@app.command("write", cls=ConfigCommand)
@with_options(run_fields("Data", names=("seed",), detailed=("Data",)))
def write(
    data: Annotated[str, typer.Argument(help="A folder of images, with masks or without.")],
    out: Annotated[Path, typer.Argument(help="The folder to write, not there yet.")],
    copies: Annotated[
        int, typer.Option("--copies", min=1, max=1000, help="Copies of each image.")
    ] = 3,
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="The same as --augment: a preset, auto or a policy file."),
    ] = None,
    safe_csv: RareSafeCsv = False,
    json: Json = False,
    *,
    given: Mapping[str, object],
    problems: list[str],
) -> None:
    """Write every image and augmented copies of it as PNG files, with their masks.

    OUT/augmented.csv lists each file's original and the transforms that made it. `mlzoo train OUT`
    reads it: copies stay with their original, and are trained on alone.
    """
    from mlzoo.core.errors import UsageError
    from mlzoo.runs.config_loading import merge

    if policy is not None and "augment" in given:
        problems = [*problems, "--policy and --augment are one option: give one of them"]
    chosen = {"augment": policy or "auto", **given}
    if chosen["augment"] in ("none", "search"):
        problems = [*problems, f"--policy {chosen['augment']}: there are no copies of it to write"]
    merged = merge({"model": "linear", "data": data, **chosen}, problems=problems)
    if not out.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {out.parent} to write {out.name} into")
    from mlzoo.reporting.copies import write as write_copies

    reporter = ConsoleReporter(quiet=json)
    try:
        count, used = write_copies(merged.config, out, copies, reporter.progress)
    finally:
        reporter.end()
    if json:
        show({"folder": str(out), "files": count, "policy": used.name, **used.record()})
        return
    for note in used.notes():
        say(note)
    print(f"{count} files in {out}, listed in {out / 'augmented.csv'}")
