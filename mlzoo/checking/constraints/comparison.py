"""`mlzoo landscape FUNCTION --subject-to CONSTRAINT`: KKT points, and three descents to them.

The folder: `landscape.json` (what was asked and found), `kkt.csv`, `ends.csv`, `paths.csv`,
`contour` (PNG, SVG) and `index.html`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as File

import numpy as np
from matplotlib.figure import Figure

from mlzoo.checking.constraints import kkt
from mlzoo.checking.constraints.descents import DescentEnd, descend, end_rows
from mlzoo.checking.constraints.grammar import parse_constraint
from mlzoo.checking.constraints.kkt import KKTPoint, Limit
from mlzoo.checking.functions.descent import Path
from mlzoo.checking.functions.functions import Function, make
from mlzoo.checking.functions.trajectories import path_rows, plain
from mlzoo.checking.landscapes import folders, pictures
from mlzoo.checking.landscapes.page import PageTable, Section, progress, write_page
from mlzoo.checking.landscapes.turning import TURNING, turning_surface
from mlzoo.checking.settings import ConstrainedConfig
from mlzoo.core import files
from mlzoo.core.errors import UsageError
from mlzoo.drawing.canvas import GRAY, label
from mlzoo.runs.contents.folders import write_folder

_FEASIBLE = 1e-4
"""Violation up to which a descent counts as ended at a feasible point."""


@dataclass(frozen=True)
class ConstrainedComparison:
    """A function under constraints: its KKT points, the descents, and sentences on both."""

    function: Function
    limits: list[Limit]
    points: list[KKTPoint]
    paths: list[Path]
    sentences: list[str]

    @property
    def kkt(self) -> list[dict[str, object]]:
        """Return the KKT points, a row each."""
        return kkt.kkt_rows(self.points, self.limits)

    @property
    def ends(self) -> list[DescentEnd]:
        """Return where the descents end, a row each."""
        return end_rows(self.paths, self.limits, kkt.optima(self.points))


def compare(subject: str, config: ConstrainedConfig) -> ConstrainedComparison:
    """Find the KKT points of a function under constraints, and descend to them.

    Args:
        subject: name of a function, or an expression of x and y.
        config: constraints, start and steps.

    Raises:
        UsageError: the subject is no function, a constraint is none, or one of them has no finite
            value where the descents start.
    """
    function = make(subject, config.view)
    limits = kkt.limits([parse_constraint(text) for text in config.subject_to], function)
    start = config.start or function.start
    for each in (function, *(limit.function for limit in limits)):
        if not np.isfinite(each.value(np.array([start]))).all():
            raise UsageError(
                f"--start: {each.text} has no finite value at {start[0]:g},{start[1]:g}; give "
                "another start"
            )
    points = kkt.kkt_points(function, limits)
    paths = descend(function, limits, start, config.steps)
    return ConstrainedComparison(
        function, limits, points, paths, _sentences(function, limits, points, paths)
    )


def _sentences(
    function: Function, limits: Sequence[Limit], points: Sequence[KKTPoint], paths: Sequence[Path]
) -> list[str]:
    """Return the Lagrange function, and what its points say.

    Args:
        function: that is minimized.
        limits: the constraints.
        points: KKT points, the lowest first.
        paths: the descents.
    """
    sentences = [f"Lagrange function: {kkt.lagrange_function(function, limits)}"]
    best = kkt.optima(points)
    if best:
        at = " and ".join(f"({x:.6g}, {y:.6g})" for x, y in (each.point + 0.0 for each in best[:4]))
        return [*sentences, f"the lowest KKT point is at {at}: f = {best[0].value:.6g}"]
    ends = end_rows(paths, limits, best)
    if min(row["violation"] for row in ends) > _FEASIBLE:
        return [*sentences, "no descent ended at a feasible point: the constraints may exclude it"]
    return [
        *sentences,
        "no KKT point that may be a minimum was found: the function may fall without end, or the "
        "gradients of the active constraints are linearly dependent at the minimum",
    ]


def write(
    folder: File, result: ConstrainedComparison, config: ConstrainedConfig
) -> dict[str, object]:
    """Write the folder; returns what landscape.json holds.

    Args:
        folder: the folder to write.
        result: from `compare`.
        config: that it was computed with.
    """
    record: dict[str, object] = {
        "function": result.function.name,
        "expression": result.function.text,
        "config": config.model_dump(mode="json"),
        "kkt": plain(result.kkt),
        "ends": plain(result.ends),
        "sentences": result.sentences,
    }
    function = result.function
    if config.view is None:
        function = replace(function, view=close_view(result))
    grid = pictures.grid_of(function, result.paths)

    def fill(place: File) -> None:
        files.write_json(place / folders.RECORD, record)
        files.write_text(place / "paths.csv", files.csv_text(path_rows(result.paths)))
        files.write_text(place / "kkt.csv", files.csv_text(result.kkt))
        files.write_text(place / "ends.csv", files.csv_text(result.ends))
        pictures.save(contour(grid, result), place / "contour.png")
        shown = [
            Section("Surface", turning_surface(grid, result.paths), TURNING),
            Section("Values", progress(result.paths, "f")),
        ]
        tables = [PageTable("KKT points", result.kkt), PageTable("Descents", result.ends)]
        title = f"Landscape: {grid.title}, subject to {', '.join(config.subject_to)}"
        write_page(place / "index.html", title, result.sentences, shown, tables)

    write_folder(folder, fill)
    return record


def close_view(result: ConstrainedComparison) -> tuple[float, float]:
    """Return the square that holds the start and the lowest KKT points, with a margin around it."""
    low, high = result.function.view
    points = [path.points[0] for path in result.paths]
    points += [each.point for each in kkt.optima(result.points)]
    inside = np.clip(points, low, high)
    margin = max(0.75 * float(np.ptp(inside)), 0.5)
    return max(low, float(inside.min()) - margin), min(high, float(inside.max()) + margin)


def contour(grid: pictures.Grid, result: ConstrainedComparison) -> Figure:
    """Draw contour lines with the descents; what constraints exclude is hatched.

    Args:
        grid: the landscape.
        result: constraints, descents and KKT points; stars mark the lowest of these.
    """
    best = np.array([each.point for each in kkt.optima(result.points)]).reshape(-1, 2)
    figure = pictures.contour(grid, result.paths, best)
    axes = figure.axes[0]
    points = np.stack(np.meshgrid(grid.x, grid.y), axis=-1).reshape(-1, 2)
    for limit in result.limits:
        z = np.ma.masked_invalid(limit.function.value(points).reshape(grid.z.shape))
        if not z.count() or z.min() > 0 or z.max() < 0:
            continue  # Its border is not in view.
        axes.contour(grid.x, grid.y, z, levels=[0], colors="black", linewidths=1.4)
        if not limit.equality:
            excluded = [0, max(float(z.max()), 1e-12)]
            area = axes.contourf(grid.x, grid.y, z, levels=excluded, colors="none", hatches=["//"])
            area.set(edgecolor=GRAY, linewidth=0)
    texts = ", ".join(each.text for each in result.limits)
    axes.set_title(label(f"{grid.title}, subject to {texts}", 80), fontsize=10)
    return figure
