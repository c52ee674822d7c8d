"""Picture of samples in two dimensions, with the principal components."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mlzoo.drawing.canvas import BLUE, GRAY, ORANGE, label, new_figure, save, tidy
from mlzoo.drawing.palette import palette
from mlzoo.statistics.unlabeled.projections import WARNING

_MARKS = "os^vD"
_SHOWN = 3
"""Components that are drawn."""
_BARS = 10
_MOST_COLORS = 40
_SIDE = 3.0


@dataclass(frozen=True)
class Components:
    """Principal components of d features.

    Attributes:
        shares: (c,) of the variance.
        loadings: (c, d).
        names: of the features.
        side: height and width of images whose pixels are the features; None for others.
    """

    shares: np.ndarray
    loadings: np.ndarray
    names: Sequence[str]
    side: tuple[int, int] | None = None


def draw_embedding(
    path: Path,
    ways: Mapping[str, np.ndarray],
    components: Components,
    classes: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    numbers: np.ndarray | None = None,
) -> Path:
    """Draw samples by each way, and below the variance and the loadings of components.

    Args:
        path: of the PNG.
        ways: positions (n, 2) by the title of the way.
        components: of the features.
        classes: (n,) by which samples are colored, if there are some.
        class_names: of the classes.
        numbers: (n,) by which samples are colored otherwise.
    """
    shown = min(_SHOWN, len(components.shares))
    below = 1 + shown + (classes is not None)
    across = max(len(ways), below)
    lines = textwrap.wrap(f"{WARNING}.", int(13 * _SIDE * across))
    figure = new_figure(_SIDE * across, 2 * _SIDE + 0.3 + 0.2 * len(lines))
    grid = figure.add_gridspec(2, 1)
    top, bottom = figure.add_subfigure(grid[0, 0]), figure.add_subfigure(grid[1, 0])
    panels = np.ravel(top.subplots(1, len(ways), squeeze=False))
    for axes, (title, points) in zip(panels, ways.items(), strict=True):
        _scatter(axes, points, classes, class_names, numbers)
        labels = ("", "")
        if title == "PCA":
            first, second = components.shares[:2]
            labels = (f"component 1 ({first:.0%})", f"component 2 ({second:.0%})")
        tidy(axes, title, *labels)
        axes.set_xticks([])
        axes.set_yticks([])
    rest = np.ravel(bottom.subplots(1, below, squeeze=False))
    _variance(rest[0], components.shares)
    for number in range(shown):
        _loadings(rest[1 + number], components, number)
    if classes is not None:
        rest[-1].set_axis_off()
        key = {"fontsize": 8, "frameon": False, "markerscale": 2}
        rest[-1].legend(*panels[0].get_legend_handles_labels(), loc="center left", **key)
    figure.suptitle("\n".join(lines), fontsize=8, color=GRAY)
    return save(figure, path)


def _scatter(
    axes: Axes,
    points: np.ndarray,
    classes: np.ndarray | None,
    class_names: Sequence[str],
    numbers: np.ndarray | None,
) -> None:
    """Draw samples, colored by class or number."""
    if classes is None:
        color = GRAY if numbers is None else numbers
        cmap = None if numbers is None else "cividis"
        axes.scatter(points[:, 0], points[:, 1], s=8, c=color, cmap=cmap)
        return
    colors = palette(min(len(class_names), _MOST_COLORS) + 1)[1:] / 255
    for k, name in enumerate(class_names):
        style = {"color": colors[k % len(colors)], "marker": _MARKS[k % len(_MARKS)]}
        x, y = points[classes == k].T
        axes.scatter(x, y, s=9, label=label(name, 18), linewidths=0, **style)


def _variance(axes: Axes, shares: np.ndarray) -> None:
    """Draw the share of the variance of each component, and their sum."""
    at = np.arange(1, len(shares) + 1)
    axes.bar(at, shares, color=BLUE, label="each")
    axes.plot(at, np.cumsum(shares), color=ORANGE, marker="o", markersize=3, label="together")
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes, "Variance of components", "component", "share")
    axes.legend(fontsize=7, frameon=False)


def _loadings(axes: Axes, components: Components, number: int) -> None:
    """Draw a component: of images as a picture, else the features with the largest loadings."""
    loadings = components.loadings[number]
    title = f"Component {number + 1}"
    if components.side is not None:
        most = np.abs(loadings).max()
        picture = loadings.reshape(components.side)
        axes.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
        tidy(axes, title)
        axes.set_axis_off()
        return
    order = np.argsort(-np.abs(loadings), kind="stable")[:_BARS]
    axes.barh(range(len(order)), loadings[order], color=BLUE)
    axes.set_yticks(range(len(order)), [label(components.names[k], 16) for k in order])
    axes.axvline(0, color=GRAY, linewidth=0.8)
    axes.invert_yaxis()
    tidy(axes, title, "loading")
