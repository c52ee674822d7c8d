"""Pictures of solutions of differential equations: predicted, true, and the error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from mlzoo.drawing.canvas import BLUE, GRAY, RED, label, new_figure, save, tidy, write_csv

if TYPE_CHECKING:
    from mlzoo.data.problems.problem import Problem

_MOST_UNKNOWNS = 4


def solution(
    folder: Path, problem: Problem, points: np.ndarray, y_true: np.ndarray, y_pred: np.ndarray
) -> Path | None:
    """Draw up to four unknowns: curves over one coordinate, fields over two.

    Args:
        folder: where `solution.png` and `.csv` are written.
        problem: what was solved.
        points: (n, coordinates); of more than two coordinates nothing is drawn.
        y_true: (n, unknowns) exact solution or reference.
        y_pred: (n, unknowns) predictions.
    """
    header = [*problem.inputs]
    header += [f"{name} {what}" for name in problem.unknowns for what in ("true", "predicted")]
    pairs = np.stack([y_true, y_pred], axis=-1).reshape(len(points), -1)
    write_csv(folder / "solution.csv", header, np.concatenate([points, pairs], axis=1).tolist())
    if len(problem.inputs) > 2:
        return None
    unknowns = problem.unknowns[:_MOST_UNKNOWNS]
    flat = len(problem.inputs) == 1
    columns = 2 if flat else 3
    figure = new_figure(4.2 * columns, 3.4 * len(unknowns))
    grid = figure.subplots(len(unknowns), columns, squeeze=False)
    for which, (name, row) in enumerate(zip(unknowns, grid, strict=True)):
        draw = _curves if flat else _fields
        draw(row, problem.inputs, name, points, y_true[:, which], y_pred[:, which])
    return save(figure, folder / "solution.png")


def _curves(
    row: np.ndarray,
    coordinates: tuple[str, ...],
    name: str,
    points: np.ndarray,
    y_true: np.ndarray,
    y_pred: np.ndarray,
) -> None:
    order = np.argsort(points[:, 0])
    x = points[order, 0]
    row[0].plot(x, y_true[order], color=GRAY, linewidth=3, alpha=0.5, label="true")
    row[0].plot(x, y_pred[order], color=BLUE, linewidth=1.2, linestyle="--", label="predicted")
    row[0].legend(fontsize=8, frameon=False)
    tidy(row[0], label(name), coordinates[0], label(name))
    row[1].plot(x, (y_pred - y_true)[order], color=RED, linewidth=1.2)
    tidy(row[1], "predicted minus true", coordinates[0], label(name))


def _fields(
    row: np.ndarray,
    coordinates: tuple[str, ...],
    name: str,
    points: np.ndarray,
    y_true: np.ndarray,
    y_pred: np.ndarray,
) -> None:
    low, high = float(min(y_true.min(), y_pred.min())), float(max(y_true.max(), y_pred.max()))
    error = y_pred - y_true
    largest = float(np.abs(error).max()) or 1.0
    _field(row[0], coordinates, points, y_pred, (low, high), f"{label(name)}, predicted")
    _field(row[1], coordinates, points, y_true, (low, high), f"{label(name)}, true")
    ends = (-largest, largest)
    _field(row[2], coordinates, points, error, ends, "predicted minus true", "RdBu_r")


def _field(
    axes: Axes,
    coordinates: tuple[str, ...],
    points: np.ndarray,
    values: np.ndarray,
    ends: tuple[float, float],
    title: str,
    colors: str = "viridis",
) -> None:
    """Draw values at scattered points; time, where it is a coordinate, goes to the right."""
    across = 1 if coordinates[1] == "t" else 0
    shown = axes.tripcolor(
        points[:, across],
        points[:, 1 - across],
        values,
        vmin=ends[0],
        vmax=ends[1],
        cmap=colors,
        shading="gouraud",
    )
    axes.figure.colorbar(shown, ax=axes)
    tidy(axes, title, coordinates[across], coordinates[1 - across])
    axes.grid(False)
