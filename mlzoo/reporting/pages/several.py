"""Report of several runs side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlzoo.core import files
from mlzoo.core.messages import over, series
from mlzoo.reporting.comparison import pair_sentence, read_runs
from mlzoo.reporting.curve_diagnosis import diagnose
from mlzoo.reporting.pages import charts
from mlzoo.reporting.pages.folder import has_layer, history
from mlzoo.reporting.pages.rendering import rendered
from mlzoo.statistics.metrics import title as metric_title

_TEMPLATE = Path(__file__).with_name("several.html.jinja")


def write_comparison(path: Path, compared: Mapping[str, Any]) -> Path:
    """Write one page of several runs.

    Args:
        path: path of the page.
        compared: result of `mlzoo.reporting.comparison.compare`.
    """
    page = comparison_page(compared)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, page)
    return path


def comparison_page(compared: Mapping[str, Any]) -> str:
    """Return the text of a page of several runs; see `write_comparison`."""
    rows = compared["rows"]
    histories = {row["run"]: history(Path(row["path"]), row["epochs"]) for row in rows}
    return rendered(
        _TEMPLATE,
        title=f"{len(rows)} runs side by side",
        rows=_alike([_row(row) for row in rows]),
        leading=_leading(rows, compared) if compared["best"] else "",
        pairs=[f"{pair_sentence(pair)}." for pair in compared["pairs"]],
        notes=compared["notes"],
        scores=_scores(rows),
        curves=shared_curves(histories),
        diagnoses=_diagnoses(rows, histories),
        differing=_table(compared["differing"], rows, "setting"),
        environment=_table(compared["environment"], rows, "environment"),
    )


def _leading(rows: Sequence[Mapping[str, Any]], compared: Mapping[str, Any]) -> str:
    """Return a sentence that names the best value and whoever may be as good."""
    best = next(row for row in rows if row["run"] == compared["best"])
    equal = [row["run"] for row in rows if row["value"] == best["value"]]
    tied = [pair["second"] for pair in compared["pairs"] if pair["tied"]]
    tied = [name for name in tied if name not in equal]
    name, names = metric_title(best["metric"]), series(equal, "and")
    text = f"The best {name} is {best['value']:.4g}, of {names}"
    if tied:
        verb = "is" if len(tied) == 1 else "are"
        text += f"; {series(tied, 'and')} {verb} statistically tied with {best['run']}"
    unclear = [pair["second"] for pair in compared["pairs"] if pair["tied"] is None]
    unclear = [name for name in unclear if name not in equal]
    if unclear:
        text += f"; no verdict on {series(unclear, 'and')}: too few samples"
    return f"{text}."


def _row(row: Mapping[str, Any]) -> dict[str, object]:
    shown = ("run", "model", "data", "samples", "parameters", "epochs", "seconds", "metric")
    ends = row["interval"]
    between = f"{ends[0]:.4g} to {ends[1]:.4g}" if ends else None
    baselines = {f"baseline {name}": value for name, value in row["baselines"].items()}
    run_cells = {name: row[name] for name in shown}
    if row["data"]:  # whole paths are among the settings that differ
        run_cells["data"] = Path(row["data"]).name
    if between:
        between = f"{between} ({over(row['units'], row['interval_unit'])})"
    scored = {"value": row["value"], "95 % interval": between, "verdict": row["against_baseline"]}
    return {**run_cells, **scored, **baselines}


def _alike(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Give all rows the same columns; runs on other data have other baselines."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]


def _scores(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return one chart per headline metric."""
    figures = []
    for metric in dict.fromkeys(row["metric"] for row in rows):
        scored = [r for r in rows if r["metric"] == metric and r["value"] is not None]
        if scored:
            better = "higher" if scored[0]["mode"] == "max" else "lower"
            title = f"{metric_title(metric)}, {better} is better"
            lines = [
                (f"{row['run']} ({units})" if units else row["run"], row["value"], row["interval"])
                for row in scored
                for units in [over(row["units"], row["interval_unit"])]
            ]
            figures.append(charts.interval_chart(title, lines))
    return figures


def shared_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Any]:
    """Return one chart per column that two or more runs share."""
    names = [n for rows in histories.values() for n in (rows[0] if rows else ())]
    common = [n for n in dict.fromkeys(names) if names.count(n) > 1]
    figures = []
    for name in common:
        if name in ("epoch", "seconds", "learning_rate"):
            continue
        lines = [
            charts.Line(
                run, [(r["epoch"], r[name]) for r in rows if _finite(r.get(name))], color=color
            )
            for color, (run, rows) in enumerate(histories.items())
        ]
        title = f"validation {name[4:]}" if name.startswith("val_") else f"training {name}"
        figures.append(charts.line_chart(title.replace("_", " "), lines, log=name.endswith("loss")))
    return figures


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _diagnoses(
    rows: Sequence[Mapping[str, Any]], histories: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[str]:
    sentences = []
    for run, row in zip(read_runs([row["path"] for row in rows]), rows, strict=True):
        epoch_rows = histories[row["run"]]
        if epoch_rows and row["kept_epoch"]:
            stopped = run.metrics.get("stopped", "")
            normalized = has_layer(run.path, "BatchNormalization")
            tested = run.metrics.get("test")
            first = diagnose(epoch_rows, row["kept_epoch"], stopped, tested, normalized)[0]
            sentences.append(f"{row['run']}: {first.sentence}")
    return sentences


def _table(
    differing: Mapping[str, Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], what: str
) -> list[dict[str, object]]:
    return [
        {what: name, **{row["run"]: values.get(row["run"]) for row in rows}}
        for name, values in differing.items()
    ]
