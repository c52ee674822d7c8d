"""`mlzoo landscape FUNCTION`: optimisers on a function of two numbers, compared and drawn.

The folder: `landscape.json` (what was asked and found), `paths.csv` (every step of every path),
`ranking.csv`, `contour` and `surface` (PNG, SVG), `index.html`, and where they were asked for
`paths.gif`, `sweep.csv` and `sweep` (PNG, SVG).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np

from mlzoo.checking.functions import path_ranking
from mlzoo.checking.functions.descent import Path, walk
from mlzoo.checking.functions.functions import Function, make
from mlzoo.checking.landscapes import folders, pictures
from mlzoo.checking.landscapes.page import Section, Table, landscape, progress, write_page
from mlzoo.checking.settings import WalkConfig
from mlzoo.core import files
from mlzoo.core.configs import is_full_batch
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener


@dataclass(frozen=True)
class Walked:
    """What was found: the ranked rows, those of the sweep, sentences, and the paths."""

    function: Function
    paths: list[Path]
    ranking: list[dict[str, Any]]
    sweep: list[dict[str, Any]]
    sentences: list[str]


def compare(subject: str, config: WalkConfig, listener: Listener | None = None) -> Walked:
    """Walk on a function with every optimiser, and with every rate of a sweep.

    Raises:
        UsageError: the subject is no function, or it has no finite value where the paths start.
    """
    listener = listener or Listener()
    function = make(subject, config.view)
    start = config.start or function.start
    if not np.isfinite(function.value(np.array([start]))).all():
        raise UsageError(f"--start: {subject} has no finite value at {start[0]:g},{start[1]:g}")
    paths, swept = [], []
    rates = _swept_rates(config)
    for done, name in enumerate(config.optimizer, 1):
        more = (start, config.steps, config.formulas, config.noise, config.seed)
        paths += walk(function, name, config.rates(name), *more)
        if rates and not is_full_batch(name):
            swept += walk(function, name, rates, *more)
        listener.progress(done, len(config.optimizer), "walking")
    rows = path_ranking.ranked([path_ranking.judge(function, p, config.tolerance) for p in paths])
    over = [path_ranking.judge(function, p, config.tolerance) for p in swept]
    said = [path_ranking.sentence(rows, function, config.steps), *path_ranking.spans(over)]
    return Walked(function, paths, rows, over, said)


def _swept_rates(config: WalkConfig) -> list[float]:
    if config.sweep is None:
        return []
    low, high = map(math.log10, config.sweep)
    return [float(f"{10**place:.6g}") for place in np.linspace(low, high, config.points)]


def write(folder: File, found: Walked, config: WalkConfig, gif: bool = False) -> dict[str, Any]:
    """Write the folder; returns what landscape.json holds."""
    function = found.function
    record = {
        "function": function.name,
        "expression": function.text,
        "minima": function.minima.tolist() if not function.circles else None,
        "circles": list(function.circles[:3]),
        "config": config.model_dump(mode="json"),
        "ranking": plain(found.ranking),
        "sweep": plain(found.sweep),
        "sentences": found.sentences,
    }

    def fill(place: File) -> None:
        files.write_json(place / folders.RECORD, record)
        files.write_text(place / "paths.csv", files.csv_text(path_rows(found.paths)))
        files.write_text(place / "ranking.csv", files.csv_text(found.ranking))
        grid = pictures.grid_of(function, found.paths)
        optima = None if function.circles else function.minima
        pictures.save(pictures.contour(grid, found.paths, optima), place / "contour.png")
        pictures.save(pictures.surface(grid, found.paths), place / "surface.png")
        if gif:
            pictures.animate(place / "paths.gif", grid, found.paths)
        if found.sweep:
            files.write_text(place / "sweep.csv", files.csv_text(found.sweep))
            title = f"{function.name}, {config.steps} steps"
            pictures.save(pictures.sweep(found.sweep, title), place / "sweep.png")
        shown = [
            Section("Surface", [landscape(grid, found.paths)], "Drag to turn, scroll to zoom."),
            Section("Values", [progress(found.paths, "f")]),
        ]
        tables = [Table("Ranking", found.ranking)]
        tables += [Table("Sweep over rates", found.sweep)] if found.sweep else []
        title = f"Landscape: {grid.title}"
        write_page(place / "index.html", title, found.sentences, shown, tables)

    files.write_folder(folder, fill)
    return record


def path_rows(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Every step of every path, a row each."""
    return [
        {
            "optimizer": path.optimizer,
            "learning_rate": path.rate,
            "step": step,
            "x": float(point[0]),
            "y": float(point[1]),
            "value": float(value),
        }
        for path in paths
        for step, (point, value) in enumerate(zip(path.points, path.values, strict=True))
    ]


def plain(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose numbers JSON can hold: what is not finite is None."""
    return [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]
