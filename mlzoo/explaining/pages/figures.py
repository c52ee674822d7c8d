"""What is said of a model as a whole, as pictures."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mlzoo.drawing.canvas import BLUE, COLORS, GRAY, label, new_figure, save, tidy
from mlzoo.drawing.pictures import as_picture
from mlzoo.introspection.findings import Finding

_MOST_BARS = 30
_ACROSS = 8


def draw_finding(path: Path, found: Finding) -> Path:
    """Write a finding's picture."""
    return save(_DRAWN[found.kind](found), path)


def _title(figure: Figure, found: Finding) -> None:
    wide = int(12.5 * figure.get_figwidth())
    lines = textwrap.wrap(label(found.title, 120), wide) + textwrap.wrap(
        label(found.note, 600), wide
    )
    figure.suptitle("\n".join(lines), fontsize=9)


def _lines(text: str, most: int) -> str:
    """A text with what stands in brackets on a line of its own."""
    return "\n".join(label(part, most) for part in text.removesuffix(")").split(" ("))


def _bars(found: Finding) -> Figure:
    values = found.arrays["values"]
    order = np.argsort(-values, kind="stable")[:_MOST_BARS]
    figure = new_figure(7, 0.26 * len(order) + 1.4)
    axes = figure.subplots()
    axes.barh(range(len(order)), values[order], color=BLUE)
    if "low" in found.arrays:
        ends = found.arrays["low"][order], found.arrays["high"][order]
        axes.hlines(range(len(order)), *ends, color="black", linewidth=1)
    axes.set_yticks(range(len(order)), [label(found.labels[i]) for i in order])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    tidy(axes)
    _title(figure, found)
    return figure


def _grid(count: int, across: int, side: float, tall: float = 1.0) -> tuple[Figure, list[Any]]:
    across = min(across, count)
    rows = math.ceil(count / across)
    figure = new_figure(max(side * across, 6), side * tall * rows + 0.7)
    axes = list(np.ravel(figure.subplots(rows, across, squeeze=False)))
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, axes[:count]


def _curves(found: Finding) -> Figure:
    grids, values = found.arrays["grid"], found.arrays["values"]
    figure, panels = _grid(len(grids), 4, 2.2, 0.8)
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 1e-6
    for i, axes in enumerate(panels):
        axes.plot(grids[i], values[i], color=BLUE)
        axes.set_ylim(low - margin, high + margin)
        tidy(axes, "", label(found.labels[i]) if i < len(found.labels) else f"column {i + 1}")
    _title(figure, found)
    return figure


def _images(found: Finding) -> Figure:
    values = found.arrays["values"]
    ends = found.arrays.get("range")
    figure, panels = _grid(len(values), _ACROSS if len(values) > 10 else 5, 1.5, 1.15)
    for i, axes in enumerate(panels):
        image = values[i] if ends is None else values[i] - ends[0]
        top = None if ends is None else float(ends[1] - ends[0])
        axes.imshow(as_picture(image, top), interpolation="nearest")
        text = found.labels[i]
        axes.set_title(_lines(text, 26), fontsize=7)
        axes.set_axis_off()
    _title(figure, found)
    return figure


def _profiles(found: Finding) -> Figure:
    """Rows of a table: where each column stands between the ends of the data."""
    values, low, high = (found.arrays[name] for name in ("values", "low", "high"))
    titles, names = found.labels[: len(values)], found.labels[len(values) :]
    shares = (values - low) / np.where(high > low, high - low, 1)
    order = np.argsort(-np.ptp(shares, axis=0), kind="stable")[:_MOST_BARS]
    tall = max((0.24 * len(order) + 0.9) / 3.0, 0.5)
    figure, panels = _grid(len(values), 3, 3.0, tall)
    for axes, title, row, own in zip(panels, titles, values, shares, strict=True):
        axes.barh(range(len(order)), own[order] - 0.5, left=0.5, color=BLUE)
        texts = [f"{label(names[i], 18)} = {row[i]:.4g}" for i in order]
        axes.set_yticks(range(len(order)), texts)
        axes.set_xticks([0, 1], ["least", "most"])
        axes.set_xlim(-0.02, 1.02)
        axes.invert_yaxis()
        tidy(axes)
        axes.set_title(_lines(title, 34), fontsize=8)
    _title(figure, found)
    return figure


def _points(found: Finding) -> Figure:
    places = found.arrays["places"]
    titles, names = found.labels[: len(places)], found.labels[len(places) :]
    figure, panels = _grid(len(places), 4, 3.0)
    classes = found.arrays.get("classes")
    for axes, title, points in zip(panels, titles, places, strict=True):
        _scatter(axes, points, classes, names)
        axes.set_xticks([])
        axes.set_yticks([])
        tidy(axes, title)
    if names:
        panels[0].legend(fontsize=6, markerscale=1.5)
    _title(figure, found)
    return figure


_MARKS = "os^vD"


def _scatter(axes: Any, points: np.ndarray, classes: np.ndarray | None, names: list[str]) -> None:
    if classes is None:
        axes.scatter(*points.T, s=8, color=GRAY)
    elif names:
        for k, name in enumerate(names):
            own = points[classes == k]
            style = {"color": COLORS[k % len(COLORS)], "marker": _MARKS[k // 4 % len(_MARKS)]}
            axes.scatter(*own.T, s=9, label=label(name, 14), **style)
    else:
        axes.scatter(*points.T, s=9, c=classes, cmap="cividis")


def _plane(found: Finding) -> Figure:
    figure = new_figure(6, 4.8)
    axes = figure.subplots()
    extent = tuple(found.arrays["extent"])
    drawn = axes.imshow(
        found.arrays["values"], origin="lower", extent=extent, aspect="auto", cmap="cividis"
    )
    figure.colorbar(drawn, ax=axes)
    classes = found.arrays.get("classes")
    across, up = found.arrays["places"].T
    axes.scatter(
        across,
        up,
        s=10,
        c="white" if classes is None else classes,
        cmap="cividis",
        edgecolors="white",
        linewidths=0.4,
    )
    axes.set(xlim=extent[:2], ylim=extent[2:])
    tidy(axes, "", label(found.labels[0]), label(found.labels[1]))
    _title(figure, found)
    return figure


_DRAWN = {
    "bars": _bars,
    "curves": _curves,
    "images": _images,
    "profiles": _profiles,
    "points": _points,
    "plane": _plane,
}
