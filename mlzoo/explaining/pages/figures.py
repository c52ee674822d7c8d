"""Figures of findings about a model as a whole."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mlzoo.drawing.canvas import BLUE, COLORS, GRAY, label, new_figure, save, tidy
from mlzoo.drawing.cells import draw_cells
from mlzoo.drawing.pictures import as_picture
from mlzoo.introspection.findings import Finding

_MOST_BARS = 30
_ACROSS = 8


def draw_finding(path: Path, finding: Finding) -> Path:
    """Write a finding's picture."""
    return save(_DRAWN[finding.kind](finding), path)


def _title(figure: Figure, finding: Finding) -> None:
    wide = int(12.5 * figure.get_figwidth())
    lines = textwrap.wrap(label(finding.title, 120), wide) + textwrap.wrap(
        label(finding.note, 600), wide
    )
    figure.suptitle("\n".join(lines), fontsize=9)


def _lines(text: str, most: int) -> str:
    """Return a text with its part in brackets on a line of its own."""
    return "\n".join(label(part, most) for part in text.removesuffix(")").split(" ("))


def _bars(finding: Finding) -> Figure:
    values = finding.arrays["values"]
    order = np.argsort(-values, kind="stable")[:_MOST_BARS]
    figure = new_figure(7, 0.26 * len(order) + 1.4)
    axes = figure.subplots()
    axes.barh(range(len(order)), values[order], color=BLUE)
    if "low" in finding.arrays:
        ends = finding.arrays["low"][order], finding.arrays["high"][order]
        axes.hlines(range(len(order)), *ends, color="black", linewidth=1)
    axes.set_yticks(range(len(order)), [label(finding.labels[i]) for i in order])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    tidy(axes)
    _title(figure, finding)
    return figure


def _grid(count: int, across: int, side: float, tall: float = 1.0) -> tuple[Figure, list[Any]]:
    across = min(across, count)
    rows = math.ceil(count / across)
    figure = new_figure(max(side * across, 6), side * tall * rows + 0.7)
    axes = list(np.ravel(figure.subplots(rows, across, squeeze=False)))
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, axes[:count]


def _curves(finding: Finding) -> Figure:
    grids, values = finding.arrays["grid"], finding.arrays["values"]
    figure, panels = _grid(len(grids), 4, 2.2, 0.8)
    low, high = values.min(), values.max()
    margin = 0.05 * (high - low) or 1e-6
    for i, axes in enumerate(panels):
        axes.plot(grids[i], values[i], color=BLUE)
        axes.set_ylim(low - margin, high + margin)
        tidy(axes, "", label(finding.labels[i]) if i < len(finding.labels) else f"column {i + 1}")
    _title(figure, finding)
    return figure


def _images(finding: Finding) -> Figure:
    values = finding.arrays["values"]
    ends = finding.arrays.get("range")
    figure, panels = _grid(len(values), _ACROSS if len(values) > 10 else 5, 1.5, 1.15)
    for i, axes in enumerate(panels):
        image = values[i] if ends is None else values[i] - ends[0]
        top = None if ends is None else float(ends[1] - ends[0])
        axes.imshow(as_picture(image, top), interpolation="nearest")
        text = finding.labels[i]
        axes.set_title(_lines(text, 26), fontsize=7)
        axes.set_axis_off()
    _title(figure, finding)
    return figure


def _profiles(finding: Finding) -> Figure:
    """Rows of a table: where each column stands between the ends of the data."""
    values, low, high = (finding.arrays[name] for name in ("values", "low", "high"))
    titles, names = finding.labels[: len(values)], finding.labels[len(values) :]
    shares = (values - low) / np.where(high > low, high - low, 1)
    order = np.argsort(-np.ptp(shares, axis=0), kind="stable")[:_MOST_BARS]
    tall = max((0.24 * len(order) + 0.9) / 3.0, 0.5)
    figure, panels = _grid(len(values), 3, 3.0, tall)
    for axes, title, row, row_shares in zip(panels, titles, values, shares, strict=True):
        axes.barh(range(len(order)), row_shares[order] - 0.5, left=0.5, color=BLUE)
        texts = [f"{label(names[i], 18)} = {row[i]:.4g}" for i in order]
        axes.set_yticks(range(len(order)), texts)
        axes.set_xticks([0, 1], ["least", "most"])
        axes.set_xlim(-0.02, 1.02)
        axes.invert_yaxis()
        tidy(axes)
        axes.set_title(_lines(title, 34), fontsize=8)
    _title(figure, finding)
    return figure


def _points(finding: Finding) -> Figure:
    places = finding.arrays["places"]
    titles, names = finding.labels[: len(places)], finding.labels[len(places) :]
    figure, panels = _grid(len(places), 4, 3.0)
    classes = finding.arrays.get("classes")
    for axes, title, points in zip(panels, titles, places, strict=True):
        _scatter(axes, points, classes, names)
        axes.set_xticks([])
        axes.set_yticks([])
        tidy(axes, title)
    if names:
        panels[0].legend(fontsize=6, markerscale=1.5)
    _title(figure, finding)
    return figure


_MARKS = "os^vD"


def _scatter(axes: Any, points: np.ndarray, classes: np.ndarray | None, names: list[str]) -> None:
    if classes is None:
        axes.scatter(*points.T, s=8, color=GRAY)
    elif names:
        for k, name in enumerate(names):
            of_class = points[classes == k]
            style = {"color": COLORS[k % len(COLORS)], "marker": _MARKS[k // 4 % len(_MARKS)]}
            axes.scatter(*of_class.T, s=9, label=label(name, 14), **style)
    else:
        axes.scatter(*points.T, s=9, c=classes, cmap="cividis")


def _plane(finding: Finding) -> Figure:
    figure = new_figure(6, 4.8)
    axes = figure.subplots()
    extent = tuple(finding.arrays["extent"])
    drawn = axes.imshow(
        finding.arrays["values"], origin="lower", extent=extent, aspect="auto", cmap="cividis"
    )
    figure.colorbar(drawn, ax=axes)
    if "places" in finding.arrays:
        classes = finding.arrays.get("classes")
        across, up = finding.arrays["places"].T
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
    tidy(axes, "", label(finding.labels[0]), label(finding.labels[1]))
    _title(figure, finding)
    return figure


def _cells(finding: Finding) -> Figure:
    figure, panels = _grid(len(finding.arrays["values"]), 2, 4.0, 0.9)
    drawn = zip(
        panels, finding.labels, finding.arrays["values"], finding.arrays["moves"], strict=True
    )
    for axes, title, values, moves in drawn:
        draw_cells(axes, values, moves)
        tidy(axes, title)
        axes.grid(False)
    _title(figure, finding)
    return figure


_DRAWN = {
    "bars": _bars,
    "curves": _curves,
    "images": _images,
    "profiles": _profiles,
    "points": _points,
    "plane": _plane,
    "cells": _cells,
}
