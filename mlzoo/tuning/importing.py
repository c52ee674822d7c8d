"""Import of keras-tuner's searches, also from project folders that it can't reload itself.

keras-tuner truncates its files before it writes them, so that a kill leaves empty ones, and its
grid can't be resumed. The files of the trials are enough here; damaged files are listed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from mlzoo.core.errors import DataError, UsageError

_STATES = {"COMPLETED": "done", "FAILED": "failed", "INVALID": "failed", "RUNNING": "running"}


class ImportedTrial(TypedDict):
    """A trial of keras-tuner; `score` is None where it has none that is finite."""

    trial: str
    state: str
    score: float | None
    values: dict[str, object]
    epochs: int | None


class ImportedSearch(TypedDict):
    """A search of keras-tuner.

    Attributes:
        metric: name of the score.
        direction: `max` or `min`.
        trials: the best first.
        damaged: files that could not be read.
    """

    metric: str
    direction: str
    trials: list[ImportedTrial]
    damaged: list[str]


def read_keras_tuner(folder: Path) -> ImportedSearch:
    """Read the trials of a keras-tuner project.

    Args:
        folder: `directory/project_name` of a search, or a folder that holds one project.

    Raises:
        UsageError: there is no such project.
        DataError: none of its trials can be read.
    """
    project = _project(folder)
    damaged: list[str] = []
    _read(project / "oracle.json", damaged)  # Names it where it is damaged.
    rows: list[ImportedTrial] = []
    directions: list[dict[str, str | None]] = []
    for path in sorted(project.glob("trial_*/trial.json")):
        content = _read(path, damaged)
        if content is not None:
            rows.append(_row(content))
            directions.append(_directions(content))
    if not rows:
        raise DataError(f"no trial of {project} can be read ({', '.join(damaged) or 'none there'})")
    metric, direction = _objective(directions)
    sign = -1 if direction == "max" else 1
    rows.sort(key=lambda row: (row["score"] is None, sign * (row["score"] or 0.0)))
    return {"metric": metric, "direction": direction, "trials": rows, "damaged": damaged}


def _project(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"--import-keras-tuner: there is no folder {folder}")
    projects = {path.parent.parent for path in folder.rglob("trial_*/trial.json")}
    if len(projects) == 1:
        return projects.pop()
    if not projects:
        raise UsageError(
            f"--import-keras-tuner: {folder} holds no keras-tuner project (trial_*/trial.json)"
        )
    names = ", ".join(sorted(str(path) for path in projects))
    raise UsageError(f"--import-keras-tuner: {folder} holds several projects, name one of: {names}")


def _read(path: Path, damaged: list[str]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        if path.exists():
            damaged.append(str(path))
        return None


def _row(content: Mapping[str, Any]) -> ImportedTrial:
    """Return a trial of keras-tuner as a row, without its internal values (`tuner/...`)."""
    values = content["hyperparameters"]["values"]
    score = content.get("score")
    return {
        "trial": content["trial_id"],
        "state": _STATES.get(content.get("status") or "", "failed"),
        "score": score if isinstance(score, int | float) and score - score == 0 else None,
        "values": {n: v for n, v in values.items() if not n.startswith("tuner/")},
        "epochs": values.get("tuner/epochs"),
    }


def _directions(content: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the direction of each metric of a trial."""
    metrics = (content.get("metrics") or {}).get("metrics", {})
    return {name: metric.get("direction") for name, metric in metrics.items()}


def _objective(directions: Sequence[Mapping[str, str | None]]) -> tuple[str, str]:
    """Return name and direction of the score, guessed from the trials.

    The oracle's file has them only where no kill has emptied it.
    """
    names = [name for each in directions for name in each]
    validated = [name for name in names if name.startswith("val_")] or names
    name = validated[0] if validated else "score"
    for each in directions:
        if (direction := each.get(name)) in ("max", "min"):
            return name, direction
    return name, "max" if "acc" in name else "min"
