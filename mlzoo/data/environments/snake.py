"""grid-snake: a snake of one cell that does not grow, and an apple, on a grid.

A step costs .01; an apple, which then lies on another free cell, is worth 1; a step into a wall
ends the episode with -1.
"""

from __future__ import annotations

import numpy as np

from mlzoo.data.environments.finite import FiniteEnvironment
from mlzoo.data.environments.grids import BACKGROUND, MOVES, paint_cells

NAME = "grid-snake"
STEP, APPLE, WALL = -0.01, 1.0, -1.0
_COLORS = ((46, 125, 50), (198, 40, 40))


def grid_snake(size: int = 6, limit: int = 100) -> FiniteEnvironment:
    """Return the environment: a state a cell of the head and another of the apple, and the end.

    Args:
        size: cells of a side, at least 2.
        limit: steps of an episode.
    """
    cells = size * size
    heads, apples = np.divmod(np.arange(cells * cells), cells)
    keep = heads != apples
    heads, apples = heads[keep], apples[keep]
    position = np.full((cells, cells), -1)
    position[heads, apples] = np.arange(len(heads))
    count, end, width = len(heads) + 1, len(heads), cells - 1
    outcomes = np.full((count, len(MOVES), width), end)
    rewards = np.zeros((count, len(MOVES), width))
    free = np.array([[c for c in range(cells) if c != head] for head in range(cells)])
    for action, (down, right) in enumerate(MOVES.values()):
        rows, columns = heads // size + down, heads % size + right
        inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
        moved = np.where(inside, rows * size + columns, 0)
        eaten = inside & (moved == apples)
        stays = inside & ~eaten
        outcomes[:end, action][stays] = position[moved[stays], apples[stays]][:, None]
        outcomes[:end, action][eaten] = position[moved[eaten][:, None], free[moved[eaten]]]
        rewards[:end, action] = np.where(inside, STEP, WALL)[:, None] + APPLE * eaten[:, None]
    frames = np.zeros((count, cells, 2), "uint8")
    frames[np.arange(end), heads, 0] = 1
    frames[np.arange(end), apples, 1] = 1
    terminal = np.arange(count) == end
    return FiniteEnvironment(
        name=NAME,
        actions=tuple(MOVES),
        outcomes=outcomes,
        probabilities=np.full(outcomes.shape, 1 / width),
        rewards=rewards,
        terminal=terminal,
        first=np.where(terminal, 0.0, 1 / end),
        frames=frames.reshape(count, size, size, 2),
        limit=limit,
        cells=(size, size),
        places=np.append(heads, -1),
        maps={
            f"apple in row {row + 1}, column {column + 1}": np.flatnonzero(
                apples == row * size + column
            )
            for row, column in ((1, size - 2), (size - 1, 0))
        },
        paint=_paint,
    )


def _paint(observation: np.ndarray) -> np.ndarray:
    """Draw the head and the apple."""
    colors = np.full((*observation.shape[:2], 3), BACKGROUND, "uint8")
    for layer, color in enumerate(_COLORS):
        colors[observation[..., layer] > 0] = color
    return paint_cells(colors)
