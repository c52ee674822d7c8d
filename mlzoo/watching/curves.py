"""Charts of runs and searches that were chosen, as they stand now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from mlzoo.core import files
from mlzoo.core.progress import EpochValue, read_epochs
from mlzoo.reporting.pages.folder import history
from mlzoo.reporting.pages.report import learning_curves
from mlzoo.reporting.pages.several import shared_curves
from mlzoo.runs.run_folder import EPOCHS, PARTIAL
from mlzoo.tuning.results.figures import convergence
from mlzoo.watching.entries import Entry, compares_strategies, latest, read_search

CHOSEN = 12
"""Number of entries whose curves are drawn at once."""
_Rows = list[dict[str, float]]


def drawn(chosen: Iterable[tuple[Entry, Path]]) -> Markup:
    """Return the charts of entries as HTML: runs over common axes, searches one by one.

    Args:
        chosen: entries with their folders.
    """
    parts: list[Markup] = []
    runs: dict[str, tuple[Path, _Rows]] = {}
    for entry, folder in chosen:
        try:
            if entry.kind == "search":
                parts.append(_search(entry, folder))
            else:
                name = entry.key.partition("/")[2].removesuffix(PARTIAL) or entry.name
                if rows := epochs(folder):
                    runs[name] = folder, rows
                else:
                    parts.append(Markup("<p>{}: no epoch yet.</p>").format(name))
        except Exception:  # A folder that is damaged, or was removed since: its row says so.
            parts.append(Markup("<p>{} can't be read.</p>").format(entry.name))
    if len(runs) == 1:
        ((name, (folder, rows)),) = runs.items()
        kept = _kept(folder)
        parts.insert(0, _block(name, learning_curves(rows, kept), ""))
    elif runs:
        charts = shared_curves({name: rows for name, (_, rows) in runs.items()})
        title = f"{len(runs)} runs over common axes"
        parts.insert(0, _block(title, charts, "They share no curve yet."))
    return Markup("").join(parts)


def epochs(folder: Path) -> _Rows:
    """Return a row an epoch of a run: of one in progress those of its present training."""
    table = folder / EPOCHS
    rows = _by_epoch(latest(read_epochs(table))) if table.is_file() else history(folder)
    return [{n: v for n, v in row.items() if math.isfinite(v)} for row in rows]


def _by_epoch(values: Iterable[EpochValue]) -> _Rows:
    rows: dict[int, dict[str, float]] = {}
    for value in values:
        rows.setdefault(value.epoch, {"epoch": float(value.epoch)})[value.name] = value.value
    return [rows[epoch] for epoch in sorted(rows)]


def _kept(folder: Path) -> int | None:
    path = folder / "metrics.json"
    kept: Mapping[str, Any] = (files.read_mapping(path).get("kept") or {}) if path.is_file() else {}
    return kept.get("epoch")


def _search(entry: Entry, folder: Path) -> Markup:
    plan, trials, metric = read_search(folder)
    done = [trial for trial in trials if trial.state == "done"]
    charts = [convergence(trials, metric)] if metric and done else []
    names = ", ".join(dimension["name"] for dimension in plan["space"])
    if compares_strategies(folder):
        none = "The report, which is written at the end, has the curves of each strategy."
        return _block(f"{entry.name}: strategies compared on {names}", [], none)
    return _block(f"{entry.name}: {names}", charts, "No trial is done yet.")


def _block(title: str, charts: Iterable[Any], without: str) -> Markup:
    inner = Markup("").join(charts) or Markup("<p>{}</p>").format(without)
    return Markup('<h3>{}</h3><div class="charts">{}</div>').format(escape(title), inner)
