"""Picture of which class each of several classifiers predicts where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlzoo.drawing.canvas import label, new_figure, save, tidy
from mlzoo.drawing.palette import palette

_ACROSS = 4
_SIDE = 2.9
_MOST_COLORS = 40
_MARKS = "os^vD"


class DecisionRegions(NamedTuple):
    """A classifier's name, the classes (p, p) it predicts on a grid, and its test accuracy."""

    name: str
    regions: np.ndarray
    accuracy: float


def draw_boundaries(
    path: Path,
    drawn: Sequence[DecisionRegions],
    ends: tuple[float, float, float, float],
    points: np.ndarray,
    classes: np.ndarray,
    columns: Sequence[str],
    class_names: Sequence[str],
) -> Path:
    """Draw regions of classes with the test samples on them, a panel a classifier.

    Args:
        path: of the PNG.
        drawn: the classifiers; rows of a grid go up along the second column.
        ends: smallest and largest value of the first column, then of the second.
        points: (n, 2) test samples.
        classes: (n,) of these.
        columns: names of the two columns.
        class_names: of the classes.
    """
    down = -(-len(drawn) // _ACROSS)
    figure = new_figure(_SIDE * _ACROSS, (_SIDE + 0.2) * down)
    panels = figure.subplots(down, _ACROSS, squeeze=False)
    colors = palette(min(len(class_names), _MOST_COLORS) + 1)[1:] / 255
    own = np.arange(len(class_names)) % len(colors)
    light = 1 - 0.4 * (1 - colors)
    for axes in panels.flat[len(drawn) :]:
        axes.set_axis_off()
    for axes, each in zip(panels.flat, drawn, strict=False):
        axes.imshow(light[own[each.regions]], extent=ends, origin="lower", aspect="auto")
        for k, name in enumerate(class_names):
            x, y = points[classes == k].T
            style = {"color": colors[own[k]], "marker": _MARKS[k % len(_MARKS)]}
            axes.scatter(
                x, y, s=14, label=label(name, 18), edgecolors="white", linewidths=0.4, **style
            )
        tidy(axes, f"{each.name}: {each.accuracy:.3f}")
        axes.grid(False)
    for axes in panels[-1]:
        axes.set_xlabel(label(columns[0]), fontsize=9)
    for axes in panels[:, 0]:
        axes.set_ylabel(label(columns[1]), fontsize=9)
    figure.suptitle("accuracy on the test samples, which are drawn", fontsize=9)
    return save(figure, path)
