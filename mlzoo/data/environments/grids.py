"""Moves on grids of cells, and pictures of them."""

from __future__ import annotations

import numpy as np

MOVES = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}
"""Rows and columns that each action goes."""
CELL = 24
"""Pixels of a cell's side."""
BACKGROUND = (240, 240, 240)


def paint_cells(colors: np.ndarray) -> np.ndarray:
    """Return an image (24 rows + 1, 24 columns + 1, 3) of colored cells (rows, columns, 3)."""
    image = colors.repeat(CELL, axis=0).repeat(CELL, axis=1)
    image = np.pad(image, ((0, 1), (0, 1), (0, 0)))
    image[::CELL], image[:, ::CELL] = 200, 200
    return image
