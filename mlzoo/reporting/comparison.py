"""Run folders side by side: their scores, the settings that differ, and which is better.

Reads the folders' JSON, YAML and CSV only, so it needs neither Keras nor the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.messages import over
from mlzoo.core.registry import closest
from mlzoo.notebooks.html import card, table
from mlzoo.statistics.intervals import FEWEST
from mlzoo.statistics.metrics import title
from mlzoo.statistics.verdicts import short_verdict, verdict_of

if TYPE_CHECKING:
    import pandas as pd

_NOT_COMPARED = ("name", "out", "command")


@dataclass(frozen=True)
class RunFiles:
    """Metrics, configuration and environment of a run folder."""

    label: str
    path: Path
    metrics: dict[str, Any]
    config: dict[str, object]
    environment: dict[str, object]


class Comparison(dict[str, Any]):
    """Runs side by side, by name; see `compare`."""

    def _repr_html_(self) -> str:
        best = f"best: {self['best']}" if self["best"] else ""
        sentences = [pair_sentence(pair) for pair in self["pairs"]]
        names = ("run", "model", "data", "samples", "metric", "value", "interval", "verdict")
        rows = [{name: row[name] for name in names} for row in self["rows"]]
        return card(f"{len(rows)} runs", [best, *sentences, *self["notes"]], [table(rows)])

    def to_frame(self) -> pd.DataFrame:
        """Return a row a run."""
        import pandas as pd

        return pd.DataFrame(self["rows"])


def compare(paths: Sequence[str]) -> Comparison:
    """Put run folders side by side.

    Args:
        paths: two or more run folders.

    Returns:
        A JSON-able dict. `rows`: one per run with `run` (a short unique name), `path`, `model`,
        `data`, `task`, `samples` (of the test split), `parameters`, `epochs`, `kept_epoch`,
        `seconds`, `metric`, `mode`, `value`, `interval` (taken over `units` `interval_unit`),
        `baselines` {name: value of the same metric}, `verdict` (`better`, `not distinguishable`,
        `worse`, `no verdict` or None) and `against_baseline`, the same in words. `differing`:
        {setting: {run: value}} of the configurations (of different models, only shared ones),
        `environment` the same of versions and machine. `best`: the run with the best value, where
        all have the same task and metric. `pairs`: every other run against it (`paired`), where
        they predict the same test samples. `notes`: why a pair is missing.

    Raises:
        UsageError: fewer than two folders, or some are not run folders (one line each).
    """
    if len(paths) < 2:
        raise UsageError("compare needs two run folders or more, as `mlzoo compare A B`")
    runs = read_runs(paths)
    rows = [_row(run) for run in runs]
    best = _best(rows)
    pairs, notes = _pairs(runs, rows, best)
    return Comparison(
        rows=rows,
        differing=_differing_settings(runs),
        environment=_differing({run.label: _flat(run.environment, _NOT_COMPARED) for run in runs}),
        best=best,
        pairs=pairs,
        notes=notes,
    )


def pair_sentence(pair: Mapping[str, Any]) -> str:
    """Return a paired difference in words, without a full stop."""
    ends, units = pair["interval"], over(pair["units"], pair["unit"])
    ranged = f"{ends[0]:+.4g} to {ends[1]:+.4g} over {units}" if ends else ""
    between = f" ({100 * pair['level']:g} % interval {ranged})" if ends else ""
    if pair["tied"] is None:
        few = pair["units"] < FEWEST
        reason = f"only {units} ({FEWEST} are needed)" if few else "there is no interval"
        verdict = f"no verdict: {reason}"
    else:
        verdict = "statistically tied" if pair["tied"] else f"{pair[pair['better']]} is better"
    value = "undefined" if pair["difference"] is None else f"{pair['difference']:+.4g}"
    return (
        f"{pair['first']} - {pair['second']}: {title(pair['metric'])} "
        f"{value}{between} on the same {pair['samples']} test samples: {verdict}"
    )


def read_runs(paths: Sequence[str]) -> list[RunFiles]:
    """Read the files of run folders.

    Raises:
        UsageError: some are not finished runs; one line for each.
    """
    folders = [Path(path) for path in paths]
    problems = [line for folder in folders for line in _problems(folder)]
    if problems:
        raise UsageError(problems)
    names = [folder.resolve().name for folder in folders]
    labels = [
        name if names.count(name) == 1 else str(folder)
        for name, folder in zip(names, folders, strict=True)
    ]
    return [_read(folder, label) for folder, label in zip(folders, labels, strict=True)]


def _problems(folder: Path) -> list[str]:
    if (folder / "metrics.json").is_file() and (folder / "config.yaml").is_file():
        return []
    if not folder.is_dir():
        beside = sorted(p.parent.name for p in folder.parent.glob("*/metrics.json"))
        close = closest(folder.name, beside)
        hint = f"; did you mean {folder.parent / close}?" if close else ""
        return [f"no run folder {str(folder)!r}{hint}"]
    missing = [n for n in ("config.yaml", "metrics.json") if not (folder / n).is_file()]
    unfinished = "; was the training finished?" if "metrics.json" in missing else ""
    return [f"{str(folder)!r} is no finished run: it has no {' and no '.join(missing)}{unfinished}"]


def _read(folder: Path, label: str) -> RunFiles:
    environment = folder / "environment.json"
    return RunFiles(
        label,
        folder,
        files.read_mapping(folder / "metrics.json"),
        files.read_mapping(folder / "config.yaml"),
        files.read_mapping(environment) if environment.is_file() else {},
    )


def _row(run: RunFiles) -> dict[str, object]:
    metrics, test = run.metrics, run.metrics.get("test") or {}
    headline = metrics.get("headline") or {}
    metric = headline.get("name")
    scores = test.get("baselines") or {}
    return {
        "run": run.label,
        "path": str(run.path),
        "model": run.config.get("model"),
        "data": run.config.get("data"),
        "task": metrics.get("task"),
        "samples": test.get("samples"),
        "parameters": metrics.get("parameters"),
        "epochs": metrics.get("epochs", _epochs(run.path / "history.csv")),
        "kept_epoch": (metrics.get("kept") or {}).get("epoch"),
        "seconds": metrics.get("seconds"),
        "metric": metric,
        "mode": headline.get("mode"),
        "value": headline.get("value"),
        "interval": headline.get("interval"),
        "units": test.get("units"),
        "interval_unit": test.get("interval_unit"),
        "baselines": {name: score.get(metric) for name, score in scores.items()},
        "verdict": verdict_of(test),
        "against_baseline": short_verdict(test),
    }


def _epochs(path: Path) -> int | None:
    """Return the last epoch of a history."""
    if not path.is_file():
        return None
    header, rows = files.read_rows(path)
    epochs = [dict(zip(header, row, strict=True)).get("epoch", "") for row in rows]
    return int(epochs[-1]) if epochs and epochs[-1].isdigit() else None


def _flat(
    values: Mapping[str, Any], skip: Sequence[str] = (), prefix: str = ""
) -> dict[str, object]:
    """Flatten nested settings to {"set.hidden": value}; lists of one become their item."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, prefix=f"{prefix}{name}.")
        elif name not in skip:
            single = isinstance(value, list) and len(value) == 1
            flat[f"{prefix}{name}"] = value[0] if single else value
    return flat


def _differing_settings(runs: Sequence[RunFiles]) -> dict[str, dict[str, object]]:
    settings = {run.label: _flat(run.config, _NOT_COMPARED) for run in runs}
    differing = _differing(settings)
    if "model" not in differing:
        return differing
    shared = set.intersection(*(set(values) for values in settings.values()))
    return {n: column for n, column in differing.items() if n in shared or not n.startswith("set.")}


def _differing(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, object]]:
    names = dict.fromkeys(name for values in settings.values() for name in values)
    columns = {name: {run: v.get(name) for run, v in settings.items()} for name in names}
    return {
        name: column
        for name, column in columns.items()
        if any(value != next(iter(column.values())) for value in column.values())
    }


def _best(rows: Sequence[Mapping[str, Any]]) -> str | None:
    # Scores of other tasks, or by other metrics, have no order.
    kinds = {(row["task"], row["metric"], row["mode"]) for row in rows}
    if len(kinds) > 1 or any(row["value"] is None for row in rows):
        return None
    choose = max if rows[0]["mode"] == "max" else min
    return choose(rows, key=lambda row: row["value"])["run"]


def _pairs(
    runs: Sequence[RunFiles], rows: Sequence[Mapping[str, Any]], best: str | None
) -> tuple[list[dict[str, object]], list[str]]:
    from mlzoo.reporting.pairing import paired, unlike

    if best is None:
        return [], ["the runs have different tasks or metrics, so none is the best"]
    first = next(run for run in runs if run.label == best)
    mode = rows[0]["mode"]
    pairs, notes = [], []
    for other in runs:
        if other is first:
            continue
        reason = unlike(first.path, first.metrics, other.path, other.metrics)
        if reason:
            notes.append(f"{first.label} and {other.label} can't be paired: {reason}")
        else:
            task, metric = rows[0]["task"], rows[0]["metric"]
            pair = paired(first.path, other.path, task, metric, mode, first.metrics)
            pairs.append({"first": first.label, "second": other.label, **pair})
    return pairs, notes
