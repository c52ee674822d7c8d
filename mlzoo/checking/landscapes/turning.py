"""A surface with paths on it that the reader turns: its numbers, drawn by `surface.js`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

import numpy as np
from markupsafe import Markup

from mlzoo.checking.functions.descent import Path
from mlzoo.checking.landscapes.page import path_name
from mlzoo.checking.landscapes.pictures import Grid
from mlzoo.reporting.pages.charts import SERIES

TURNING = "Drag or press the arrow keys to turn, + and - to zoom."
"""Note above the figure."""
SIDE = 61
"""Most points along a side; every patch between four of them is drawn again at each turn."""
_BANDS = 24
_MOST_STEPS = 400


def turning_surface(grid: Grid, paths: Sequence[Path]) -> Markup:
    """Return a figure of a landscape that can be turned.

    Heights above the 95th percentile are cut off. The shade of a patch is its rank among all, so
    that a valley shows beside walls a million times as high.

    Args:
        grid: the landscape; non-finite values leave holes.
        paths: paths on it; what is outside of it or not finite is left out.
    """
    rows, columns = (_thinned(len(ends)) for ends in (grid.y, grid.x))
    z = np.asarray(grid.z, float)[np.ix_(rows, columns)]
    fine = z[np.isfinite(z)]
    low, high = (float(fine.min()), float(np.quantile(fine, 0.95))) if fine.size else (0.0, 1.0)
    levels = np.unique(np.quantile(fine, np.linspace(0, 1, _BANDS))) if fine.size else np.zeros(1)
    ranks = np.interp(z, levels, np.linspace(0, 1, len(levels))) if len(levels) > 1 else 0 * z
    data = {
        "x": _digits(grid.x[columns]),
        "y": _digits(grid.y[rows]),
        "z": [_digits(row) for row in np.clip(z, low, high)],
        "shade": [_digits(row, 3) for row in ranks],
        "low": low,
        "high": high if high > low else low + 1.0,
        "labels": [*grid.labels, grid.height],
        "paths": [_steps(path, grid, low, high) for path in paths],
    }
    keys = "".join(
        f'<button type="button" class="key s{place % SERIES}" data-line="{place}" '
        f'aria-pressed="true"><span class="swatch"></span>{escape(path_name(path))}</button>'
        for place, path in enumerate(paths)
    )
    text = escape(json.dumps(data, allow_nan=False, separators=(",", ":")))
    title = f"{grid.height} over {grid.labels[0]} and {grid.labels[1]}"
    return Markup(
        f'<figure class="chart surface" data-surface="{text}">'
        f"<figcaption>{escape(title)}; above {high:.4g} it is cut off</figcaption>"
        '<div class="views"><button type="button" class="key" data-view="slanted">slanted</button>'
        '<button type="button" class="key" data-view="above">from above</button></div>'
        f'<canvas role="img" tabindex="0" aria-label="{escape(title)}"></canvas>'
        f'<div class="keys">{keys}</div></figure>'
    )


def _thinned(count: int) -> np.ndarray:
    """Return at most `SIDE` of the positions 0 to count - 1, both ends among them."""
    return np.linspace(0, count - 1, min(count, SIDE)).round().astype(int)


def _digits(values: np.ndarray, digits: int = 5) -> list[float | None]:
    """Five digits are enough to draw, and keep the page small."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]


def _steps(path: Path, grid: Grid, low: float, high: float) -> list[list[float | None]]:
    """Return x, y and height of a path's steps; None of what is outside of the grid."""
    chosen = np.linspace(0, len(path.values) - 1, min(len(path.values), _MOST_STEPS))
    chosen = chosen.round().astype(int)
    points, values = path.points[chosen], path.values[chosen]
    ends = np.array([[grid.x[0], grid.y[0]], [grid.x[-1], grid.y[-1]]])
    inside = np.all((points >= ends[0]) & (points <= ends[1]), axis=1)
    heights = np.where(inside, np.clip(values, low, high), np.nan)
    return [_digits(points[:, 0]), _digits(points[:, 1]), _digits(heights)]
