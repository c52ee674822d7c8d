"""Pictures of solutions of differential equations: predicted, true, the error, and a film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from mlzoo.data.problems.frames import Frame, grid
from mlzoo.drawing.canvas import BLUE, GRAY, RED, label, new_figure, save, tidy, write_csv
from mlzoo.reporting.films import write_film

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


def film(folder: Path, problem: Problem, frames: Sequence[Frame]) -> Path:
    """Write up to four unknowns over the epochs as a film, each on the scale of its last frame.

    Curves over one input stand before the exact solution or, where none is known, the last frame.

    Args:
        folder: where `epochs.gif` is written.
        problem: of one or two inputs.
        frames: solutions on its grid, the last of which is kept.
    """
    unknowns = problem.unknowns[:_MOST_UNKNOWNS]
    points = grid(problem)
    flat = len(problem.inputs) == 1
    last = frames[-1].values
    known = problem.solution(points) if problem.exact else last
    inside = problem.depth(points) < 0
    figure = new_figure(3.6 * len(unknowns), 3.2)
    canvas = FigureCanvasAgg(figure)
    drawn: list[Artist] = []
    for which, (name, axes) in enumerate(
        zip(unknowns, figure.subplots(1, len(unknowns), squeeze=False)[0], strict=True)
    ):
        ends = float(last[inside, which].min()), float(last[inside, which].max())
        if flat:
            axes.plot(points[:, 0], known[:, which], color=GRAY, linewidth=3, alpha=0.5)
            drawn += axes.plot(points[:, 0], last[:, which], color=BLUE, linewidth=1.2)
            room = 0.1 * (ends[1] - ends[0]) or 1.0
            axes.set_ylim(ends[0] - room, ends[1] + room)
            tidy(axes, label(name), problem.inputs[0])
        else:
            drawn.append(_image(axes, problem, ends, label(name)))
    pictures = []
    figure.suptitle(frames[0].title, fontsize=10)
    canvas.draw()
    figure.set_layout_engine("none")  # so that nothing moves
    for frame in frames:
        figure.suptitle(frame.title, fontsize=10)
        for which, artist in enumerate(drawn):
            values = np.where(inside, frame.values[:, which], np.nan)
            if isinstance(artist, Line2D):
                artist.set_ydata(values)
            elif isinstance(artist, AxesImage):
                artist.set_data(_raster(problem, values))
        canvas.draw()
        pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return write_film(folder / "epochs.gif", pictures)


def _image(axes: Axes, problem: Problem, ends: tuple[float, float], title: str) -> AxesImage:
    """Return the image that a field over two inputs is shown in."""
    across = 1 if problem.inputs[1] == "t" else 0
    shown = axes.imshow(
        _raster(problem, np.full(len(grid(problem)), np.nan)),
        origin="lower",
        aspect="auto",
        extent=(*problem.box[across], *problem.box[1 - across]),
        vmin=ends[0],
        vmax=ends[1],
        interpolation="nearest",
    )
    axes.figure.colorbar(shown, ax=axes)
    tidy(axes, title, problem.inputs[across], problem.inputs[1 - across])
    axes.grid(False)
    return shown


def _raster(problem: Problem, values: np.ndarray) -> np.ndarray:
    """Return values on the grid as rows of a picture; time, where it is an input, to the right."""
    side = round(len(values) ** 0.5)
    square = values.reshape(side, side)
    return square if problem.inputs[1] == "t" else square.T
