"""`mlzoo landscape FUNCTION`: optimizers on a function of two numbers, compared and drawn.

The folder: `landscape.json` (what was asked and found), `paths.csv` (every step of every path),
`ranking.csv`, `stationary.csv` (minima, maxima and saddles), `contour` and `surface` (PNG, SVG),
`index.html`, and where they were asked for `paths.gif`, `sweep.csv` and `sweep` (PNG, SVG).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File

import numpy as np

from mlzoo.checking.functions import path_ranking
from mlzoo.checking.functions.descent import Path, walk
from mlzoo.checking.functions.functions import Function, make
from mlzoo.checking.functions.stationary import MOST, stationary_points, taylor
from mlzoo.checking.landscapes import folders, pictures
from mlzoo.checking.landscapes.page import PageTable, Section, progress, write_page
from mlzoo.checking.landscapes.turning import TURNING, turning_surface
from mlzoo.checking.settings import WalkConfig
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.core.progress import Listener
from mlzoo.core.validation.values import is_full_batch
from mlzoo.runs.contents.folders import write_folder


@dataclass(frozen=True)
class TrajectoryComparison:
    """Results of a comparison.

    Attributes:
        function: what the paths are on.
        paths: every path.
        ranking: a row a path, the best first.
        sweep: a row a path of the sweep.
        stationary: a row a stationary point, see `stationary_points`.
        sentences: what was found.
    """

    function: Function
    paths: list[Path]
    ranking: list[dict[str, object]]
    sweep: list[dict[str, object]]
    stationary: list[dict[str, object]]
    sentences: list[str]


def compare(
    subject: str, config: WalkConfig, listener: Listener | None = None
) -> TrajectoryComparison:
    """Run every optimizer on a function, and every learning rate of a sweep.

    Args:
        subject: name of a function, or an expression of x and y.
        config: optimizers, rates, start and steps.
        listener: progress callback.

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
    sentences = [path_ranking.sentence(rows, function, config.steps), *path_ranking.spans(over)]
    if expansion := taylor(function, start):
        sentences.append(expansion)
    stationary = stationary_points(function)
    if len(stationary) > MOST:
        sentences.append(
            f"{len(stationary)} stationary points were found in view; the lowest {MOST} are shown, "
            "and stationary.csv has all"
        )
    return TrajectoryComparison(function, paths, rows, over, stationary, sentences)


def _swept_rates(config: WalkConfig) -> list[float]:
    if config.sweep is None:
        return []
    low, high = map(math.log10, config.sweep)
    return [float(f"{10**place:.6g}") for place in np.linspace(low, high, config.points)]


def write(
    folder: File, result: TrajectoryComparison, config: WalkConfig, gif: bool = False
) -> dict[str, object]:
    """Write the folder; returns what landscape.json holds.

    Args:
        folder: the folder to write.
        result: from `compare`.
        config: that they were computed with.
        gif: also write an animation.
    """
    function = result.function
    record = {
        "function": function.name,
        "expression": function.text,
        "minima": function.minima.tolist() if not function.circles else None,
        "circles": list(function.circles[:3]),
        "config": config.model_dump(mode="json"),
        "ranking": plain(result.ranking),
        "sweep": plain(result.sweep),
        "stationary": result.stationary,
        "sentences": result.sentences,
    }

    def fill(place: File) -> None:
        files.write_json(place / folders.RECORD, record)
        files.write_text(place / "paths.csv", files.csv_text(path_rows(result.paths)))
        files.write_text(place / "ranking.csv", files.csv_text(result.ranking))
        if result.stationary:
            files.write_text(place / "stationary.csv", files.csv_text(result.stationary))
        grid = pictures.grid_of(function, result.paths)
        optima = None if function.circles else function.minima
        pictures.save(pictures.contour(grid, result.paths, optima), place / "contour.png")
        pictures.save(pictures.surface(grid, result.paths), place / "surface.png")
        if gif:
            pictures.animate(place / "paths.gif", grid, result.paths)
        if result.sweep:
            files.write_text(place / "sweep.csv", files.csv_text(result.sweep))
            title = f"{function.name}, {config.steps} steps"
            pictures.save(pictures.sweep(result.sweep, title), place / "sweep.png")
        shown = [
            Section("Surface", turning_surface(grid, result.paths), TURNING),
            Section("Values", progress(result.paths, "f")),
        ]
        tables = [PageTable("Ranking", result.ranking)]
        shown_points = result.stationary[:MOST]
        tables += [PageTable("Stationary points", shown_points)] if shown_points else []
        tables += [PageTable("Sweep over rates", result.sweep)] if result.sweep else []
        title = f"Landscape: {grid.title}"
        write_page(place / "index.html", title, result.sentences, shown, tables)

    write_folder(folder, fill)
    return record


def path_rows(paths: Sequence[Path]) -> list[dict[str, object]]:
    """Return every step of every path, a row each."""
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


def plain(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return rows whose numbers JSON can hold: None for values that are not finite."""
    return [
        {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]
