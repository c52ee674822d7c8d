"""Searches of keras-tuner, read from its project folder, also where it can't reload it itself.

keras-tuner truncates its files before it writes them, so that a kill leaves empty ones, and its
grid can't be gone on with. Each trial's own file is enough here; what is damaged is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlzoo.core.errors import DataError, UsageError

_STATES = {"COMPLETED": "done", "FAILED": "failed", "INVALID": "failed", "RUNNING": "running"}


def read_keras_tuner(folder: Path) -> dict[str, Any]:
    """The trials of a keras-tuner project.

    Args:
        folder: `directory/project_name` of a search, or a folder that holds one project.

    Returns:
        A JSON-able dict: `metric`, `direction` (`max` or `min`), `trials` (a row each, the best
        first: `trial`, `state`, `score`, `values`, `epochs`) and `damaged` (files that could not
        be read).

    Raises:
        UsageError: there is no such project.
        DataError: none of its trials can be read.
    """
    project = _project(folder)
    damaged: list[str] = []
    oracle = _read(project / "oracle.json", damaged)
    rows = []
    for path in sorted(project.glob("trial_*/trial.json")):
        content = _read(path, damaged)
        if content is not None:
            rows.append(_row(content))
    if not rows:
        raise DataError(f"no trial of {project} can be read ({', '.join(damaged) or 'none there'})")
    metric, direction = _objective(oracle, rows)
    sign = -1 if direction == "max" else 1
    rows.sort(key=lambda row: (row["score"] is None, sign * (row["score"] or 0.0)))
    for row in rows:
        row.pop("directions")
    return {"metric": metric, "direction": direction, "trials": rows, "damaged": damaged}


def _project(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"--import-keras-tuner: there is no folder {folder}")
    found = {path.parent.parent for path in folder.rglob("trial_*/trial.json")}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise UsageError(
            f"--import-keras-tuner: {folder} holds no keras-tuner project (trial_*/trial.json)"
        )
    names = ", ".join(sorted(str(path) for path in found))
    raise UsageError(f"--import-keras-tuner: {folder} holds several projects, name one of: {names}")


def _read(path: Path, damaged: list[str]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        if path.exists():
            damaged.append(str(path))
        return None


def _row(content: Mapping[str, Any]) -> dict[str, Any]:
    """A trial of keras-tuner as a row; what it notes for itself (`tuner/...`) is left out."""
    values = content["hyperparameters"]["values"]
    metrics = (content.get("metrics") or {}).get("metrics", {})
    score = content.get("score")
    return {
        "trial": content["trial_id"],
        "state": _STATES.get(content.get("status") or "", "failed"),
        "score": score if isinstance(score, int | float) and score - score == 0 else None,
        "values": {n: v for n, v in values.items() if not n.startswith("tuner/")},
        "epochs": values.get("tuner/epochs"),
        "directions": {name: metric.get("direction") for name, metric in metrics.items()},
    }


def _objective(oracle: Any, rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Name and direction of the score; guessed from the trials where the oracle's file is lost."""
    names = [name for row in rows for name in row["directions"]]
    validated = [name for name in names if name.startswith("val_")] or names
    name = validated[0] if validated else "score"
    for row in rows:
        if row["directions"].get(name) in ("max", "min"):
            return name, row["directions"][name]
    return name, "max" if "acc" in name else "min"
