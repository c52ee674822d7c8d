"""`mlzoo compare`: runs side by side."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlzoo_cli.options import Json
from mlzoo_cli.output import show, table


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Finished run folders.")],
    json: Json = False,
) -> None:
    """Compare runs: scores with intervals, the settings that differ, paired differences."""
    from mlzoo.reporting.comparison import compare as compare_runs

    result = compare_runs(runs)
    if json:
        show(result)
    else:
        print(_text(result))


def _text(result: dict[str, Any]) -> str:
    return table(list(result["rows"][0]), [list(row.values()) for row in result["rows"]])
