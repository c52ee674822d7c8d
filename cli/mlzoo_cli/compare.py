"""`mlzoo compare`: runs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlzoo.core.errors import UsageError
from mlzoo.core.messages import over
from mlzoo.runs.run_folder import find
from mlzoo_cli.options import Json
from mlzoo_cli.output import say, show, table

if TYPE_CHECKING:
    from mlzoo.reporting.comparison import Comparison


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Finished run folders.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.html", help="Write a page of it too.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare runs side by side.

    Prints scores with intervals, the settings that differ, and paired differences. With --out the
    same, and the learning curves together, on a page for a browser.
    """
    if out is not None and out.suffix != ".html":
        raise UsageError(f"--out: name a page, as in compared.html (got {str(out)!r})")
    for name in runs:
        find(name)  # before what compares is imported, which takes a while
    from mlzoo.reporting.comparison import compare as compare_runs

    result = compare_runs(runs)
    if out is not None:
        from mlzoo.reporting.pages.several import write_comparison

        say(f"written to {write_comparison(out, result)}")
    if json:
        show(result)
    else:
        print(_text(result))


def _text(result: Comparison) -> str:
    from mlzoo.reporting.comparison import pair_sentence

    columns = ("run", "model", "data", "parameters", "epochs", "seconds", "metric", "value")
    rows = [
        [
            *(row[c] for c in columns),
            *_interval(row),
            _scores(row["baselines"]),
            row["against_baseline"],
        ]
        for row in result["rows"]
    ]
    lines = [table([*columns, "95 % interval", "over", "baselines", "verdict"], rows)]
    if result["differing"]:
        names = [row["run"] for row in result["rows"]]
        settings = [
            [setting, *(_plain(values.get(name, "")) for name in names)]
            for setting, values in result["differing"].items()
        ]
        lines += ["", table(["setting that differs", *names], settings)]
    lines += ["", *map(pair_sentence, result["pairs"]), *result["notes"]]
    return "\n".join(lines).rstrip()


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _interval(row: Mapping[str, Any]) -> tuple[str, str]:
    """The interval of a run and what it is taken over."""
    ends = row["interval"]
    text = f"[{ends[0]:.4g}, {ends[1]:.4g}]" if ends else ""
    return text, over(row["units"], row["interval_unit"])


def _scores(baselines: dict[str, float | None]) -> str:
    return ", ".join(f"{n} {v:.4g}" for n, v in baselines.items() if v is not None)
