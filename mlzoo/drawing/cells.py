"""Cells of a grid: a color for the value of each, and an arrow for the way that is taken there."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes


def draw_cells(axes: Axes, values: np.ndarray, moves: np.ndarray) -> None:
    """Draw values and arrows in cells; those without a value stay white.

    Args:
        axes: where to draw.
        values: (rows, columns); NaN: none.
        moves: (rows, columns, 2) rows and columns that each arrow goes.
    """
    shown = axes.imshow(values, cmap="viridis")
    axes.figure.colorbar(shown, ax=axes)
    rows, columns = np.nonzero(np.isfinite(values))
    down, right = moves[rows, columns].T
    axes.quiver(columns, rows, right, -down, color="white", pivot="mid", width=0.008, scale=14)
    axes.set_xticks([])
    axes.set_yticks([])
