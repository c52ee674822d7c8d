"""Pictures of a landscape and the paths on it: contour, surface, animation, sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from mlzoo.checking.functions.descent import Path
from mlzoo.drawing import canvas

# Okabe and Ito's, in an order that tells neighbors apart on a gray ground.
COLORS = (
    "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8B5A2B",
    "#F0E442",
)  # fmt: skip
_MAP = "Greys"
_FRAMES = 60


@dataclass(frozen=True)
class Grid:
    """Values z (m, n) over places y (m,) and x (n,), and what the axes are."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    title: str
    labels: tuple[str, str] = ("x", "y")
    height: str = "f"


def grid_of(function: Any, paths: Sequence[Path], side: int = 121) -> Grid:
    """Return a function's values over its view, enlarged if a path begins outside it.

    Args:
        function: with `view` and `value`.
        paths: that are shown.
        side: points along each side.
    """
    low, high = function.view
    starts = [path.points[0] for path in paths]
    low, high = min([low, *(p.min() for p in starts)]), max([high, *(p.max() for p in starts)])
    places = np.linspace(low, high, side)
    points = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    values = function.value(points).reshape(side, side)
    named = function.name != function.text
    return Grid(places, places, values, f"{function.name}: " * named + function.text)


def save(figure: Figure, path: File) -> None:
    """Write a figure as PNG and as SVG beside it."""
    canvas.save(figure, path)
    figure.savefig(path.with_suffix(".svg"), format="svg", metadata={"Date": None})


def contour(grid: Grid, paths: Sequence[Path], optima: np.ndarray | None = None) -> Figure:
    """Draw contour lines with the paths; stars mark optima, dots the ends of paths.

    Args:
        grid: the landscape.
        paths: paths on it.
        optima: (n, 2), the global minima; None to draw none.
    """
    figure = canvas.new_figure(7.6, 5.6)
    axes = figure.add_subplot()
    _ground(figure, axes, grid)
    for path, color in zip(paths, _colors(paths), strict=True):
        points = _seen(path.points)
        axes.plot(*points.T, color=color, linewidth=1.6, label=_label(path))
        axes.plot(*points[-1], "o", color=color, markersize=5, markeredgecolor="white")
    if paths:
        axes.plot(*paths[0].points[0], "s", color="black", markersize=5)
    if optima is not None and len(optima):
        axes.plot(*optima.T, "*", color="gold", markersize=12, markeredgecolor="black")
    _legend(figure, axes, paths)
    return figure


def _legend(figure: Figure, axes: Axes, paths: Sequence[Path]) -> None:
    if paths:
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False
        )


def _ground(figure: Figure, axes: Axes, grid: Grid) -> None:
    canvas.tidy(axes, canvas.label(grid.title, 70), *(canvas.label(n, 60) for n in grid.labels))
    axes.grid(False)
    z = np.ma.masked_invalid(grid.z)
    inside = z.compressed() if z.count() else np.zeros(1)
    levels = np.unique(np.quantile(inside, np.linspace(0, 1, 24)))
    if len(levels) > 2:
        # Levels by rank, so that a valley shows beside walls a million times as high.
        ranks = np.ma.array(np.interp(z.filled(levels[0]), levels, np.arange(len(levels))))
        ranks.mask = np.ma.getmaskarray(z)
        norm = Normalize(-len(levels) * 0.3, len(levels) * 1.4)
        drawn = axes.contourf(
            grid.x, grid.y, ranks, levels=np.arange(len(levels)), cmap=_MAP, norm=norm
        )
        lines = axes.contour(
            grid.x, grid.y, ranks, levels=np.arange(len(levels)), colors="white", linewidths=0.4
        )
        lines.set_alpha(0.7)
        bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.02)
        ticks = np.linspace(0, len(levels) - 1, 6).astype(int)
        bar.set_ticks(list(map(float, ticks)), labels=[f"{levels[t]:.3g}" for t in ticks])
        bar.set_label(f"{grid.height}, a band each 1/24 of the area", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    axes.set_xlim(grid.x[0], grid.x[-1])
    axes.set_ylim(grid.y[0], grid.y[-1])


def surface(grid: Grid, paths: Sequence[Path]) -> Figure:
    """Draw the landscape in 3D; heights above nine tenths of the view are cut off."""
    figure = canvas.new_figure(7.6, 5.6)
    axes: Any = figure.add_subplot(projection="3d", computed_zorder=False)
    fine = grid.z[np.isfinite(grid.z)]
    low, high = (fine.min(), np.quantile(fine, 0.95)) if fine.size else (0.0, 1.0)
    high = high if high > low else low + 1.0
    x, y = np.meshgrid(grid.x, grid.y)
    z = np.clip(np.nan_to_num(grid.z, nan=high, posinf=high, neginf=low), low, high)
    axes.plot_surface(x, y, z, cmap=_MAP, vmin=low - 0.4 * (high - low), vmax=high * 1.3 + 1e-9,
                      linewidth=0, rstride=2, cstride=2, alpha=0.85)  # fmt: skip
    for path, color in zip(paths, _colors(paths), strict=True):
        points = path.points
        inside = (points[:, 0] >= grid.x[0]) & (points[:, 0] <= grid.x[-1])
        inside &= (points[:, 1] >= grid.y[0]) & (points[:, 1] <= grid.y[-1])
        shown = np.where(inside[:, None], points, np.nan)
        heights = np.where(inside, np.clip(path.values, low, high), np.nan)
        axes.plot(*shown.T, heights, color=color, linewidth=1.8, zorder=5, label=_label(path))
    axes.set_title(canvas.label(grid.title, 70), fontsize=10)
    axes.set_xlabel(canvas.label(grid.labels[0], 40), fontsize=9)
    axes.set_ylabel(canvas.label(grid.labels[1], 40), fontsize=9)
    axes.set_zlim(low, high)
    axes.tick_params(labelsize=7)
    axes.view_init(elev=38, azim=-60)
    _legend(figure, axes, paths)
    return figure


def animate(path: File, grid: Grid, paths: Sequence[Path]) -> None:
    """Write the paths' growth as a GIF of at most sixty frames.

    Args:
        path: the GIF to write.
        grid: the landscape.
        paths: paths on it.
    """
    figure = canvas.new_figure(6.4, 4.8)
    axes = figure.add_subplot()
    _ground(figure, axes, grid)
    drawn = []
    for each, color in zip(paths, _colors(paths), strict=True):
        (line,) = axes.plot([], [], color=color, linewidth=1.6, label=_label(each))
        (dot,) = axes.plot([], [], "o", color=color, markersize=5, markeredgecolor="white")
        drawn.append((_seen(each.points), line, dot))
    _legend(figure, axes, paths)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    agg, frames = FigureCanvasAgg(figure), []
    longest = max(len(each.points) for each in paths)
    for step in np.unique(np.linspace(0, longest - 1, min(longest, _FRAMES)).astype(int)):
        for points, line, dot in drawn:
            line.set_data(*points[: step + 1].T)
            dot.set_data(*points[: step + 1][-1:].T)
        agg.draw()
        picture = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")
        frames.append(picture.quantize(64))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=80, loop=0)


_OUTCOMES = {
    "converged": "#009E73",
    "crawls": "#56B4E9",
    "wanders": "#E69F00",
    "stuck": "#CC79A7",
    "diverged": "#D55E00",
}


def sweep(rows: Sequence[dict[str, Any]], title: str) -> Figure:
    """Draw the outcome of each optimizer at each rate: a row per optimizer, a square per rate."""
    names = list(dict.fromkeys(row["optimizer"] for row in rows))
    figure = canvas.new_figure(7.6, 1.4 + 0.42 * len(names))
    axes = figure.add_subplot()
    canvas.tidy(axes, canvas.label(title, 70), "learning rate")
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    for word, color in _OUTCOMES.items():
        with_outcome = [row for row in rows if row["outcome"] == word]
        if with_outcome:
            axes.plot(
                [row["learning_rate"] for row in with_outcome],
                [names.index(row["optimizer"]) for row in with_outcome],
                "s", color=color, markersize=9, label=word,
            )  # fmt: skip
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def _seen(points: np.ndarray) -> np.ndarray:
    """Points that can be drawn: what is farther out than 1e6 would overflow."""
    return np.clip(points, -1e6, 1e6)


def _colors(paths: Sequence[Path]) -> list[str]:
    return [COLORS[i % len(COLORS)] for i in range(len(paths))]


def _label(path: Path) -> str:
    return path.optimizer if path.rate is None else f"{path.optimizer} {path.rate:g}"
