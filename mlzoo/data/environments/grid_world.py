"""grid-world: a map of free cells, walls, a start, and cells that end an episode with a reward.

The map is text in a YAML file, a character a cell: `.` is free, `#` a wall, `S` a start (of
several, each as likely), and every other character one of `ends`. An action slips to each side
with half of `slip`; a step into a wall or out of the map stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlzoo.core.errors import DataError
from mlzoo.core.messages import sentences
from mlzoo.data.environments.finite import FiniteEnvironment
from mlzoo.data.environments.grids import BACKGROUND, MOVES, paint_cells

_MOST_CELLS = 4096
_WALL, _AGENT, _GOOD, _BAD = (80, 80, 80), (0, 114, 178), (0, 158, 115), (213, 94, 0)


class GridMap(BaseModel):
    """Content of a map's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    map: str
    """Rows of characters, all of one length."""
    ends: dict[str, float] = {"G": 1.0, "X": -1.0}
    """Reward of reaching each cell that ends an episode, by its character."""
    step: float = -0.01
    """Reward of any other step."""
    slip: float = Field(0.0, ge=0, le=1)
    """Probability that an action goes to one of its sides instead."""
    limit: int = Field(100, ge=1, le=10_000)
    """Steps after which an episode is cut."""


def read_grid_world(path: Path) -> FiniteEnvironment:
    """Read a map's file.

    Raises:
        DataError: it is none, or its map has no start or no end.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} can't be read as YAML: {error}") from None
    if not isinstance(content, Mapping):
        raise DataError(f"{path} holds no map: it needs `map:` with rows of characters")
    try:
        grid_map = GridMap.model_validate(content)
    except ValidationError as error:
        listed = "; ".join(f"{name}: {text}" for name, text in sentences(error).items())
        raise DataError(f"{path}: {listed}") from None
    return grid_world(grid_map, str(path))


def grid_world(grid_map: GridMap, source: str = "the map") -> FiniteEnvironment:
    """Return the environment of a map; the last state is the end.

    Args:
        grid_map: the map.
        source: what to call it in messages.

    Raises:
        DataError: rows differ in length, a character is not known, or there is no start or end.
    """
    cells = _cells(grid_map, source)
    rows, columns = cells.shape
    places = np.flatnonzero(cells.ravel() != "#")
    position = np.full(cells.size, -1)
    position[places] = np.arange(len(places))
    end, count = len(places), len(places) + 1
    ending = np.array([cell in grid_map.ends for cell in cells.ravel()[places]])
    sides = ((0, 1 - grid_map.slip), (1, grid_map.slip / 2), (3, grid_map.slip / 2))
    outcomes = np.full((count, len(MOVES), len(sides)), end)
    rewards = np.zeros(outcomes.shape)
    moves = list(MOVES.values())
    for state, place in enumerate(places.tolist()):
        if ending[state]:
            continue
        for action in range(len(moves)):
            for side, (turn, _) in enumerate(sides):
                down, right = moves[(action + turn) % len(moves)]
                row, column = place // columns + down, place % columns + right
                inside = 0 <= row < rows and 0 <= column < columns
                to = row * columns + column if inside and cells[row, column] != "#" else place
                outcomes[state, action, side] = position[to]
                rewards[state, action, side] = grid_map.ends.get(cells.ravel()[to], grid_map.step)
    terminal = np.append(ending, True)
    starts = np.append(cells.ravel()[places] == "S", False)
    frames = np.zeros((count, cells.size, 1), "uint8")
    frames[np.arange(end), places, 0] = 1
    return FiniteEnvironment(
        name="grid-world",
        actions=tuple(MOVES),
        outcomes=np.where(terminal[:, None, None], np.arange(count)[:, None, None], outcomes),
        probabilities=np.broadcast_to([chance for _, chance in sides], outcomes.shape),
        rewards=rewards,
        terminal=terminal,
        first=starts / starts.sum(),
        frames=frames.reshape(count, rows, columns, 1),
        limit=grid_map.limit,
        cells=(rows, columns),
        places=np.append(places, -1),
        maps={"all cells": np.flatnonzero(~terminal)},
        paint=partial(_paint, cells, grid_map.ends),
    )


def _cells(grid_map: GridMap, source: str) -> np.ndarray:
    """Return the characters (rows, columns) of a map.

    Raises:
        DataError: it is no map.
    """
    lines = [line.strip() for line in grid_map.map.strip().splitlines()]
    problems = []
    if len({len(line) for line in lines}) != 1:
        problems.append("its rows have different lengths")
    if sum(map(len, lines)) > _MOST_CELLS:
        problems.append(f"it has more than {_MOST_CELLS} cells")
    known = {".", "#", "S", *grid_map.ends}
    unknown = sorted({cell for line in lines for cell in line} - known)
    if unknown:
        problems.append(f"{', '.join(unknown)} are no cells; ends names those with a reward")
    text = "".join(lines)
    if "S" not in text or not any(cell in text for cell in grid_map.ends):
        problems.append("it needs a start (S) and a cell that ends an episode (G)")
    if problems:
        raise DataError(f"{source}: map: {'; '.join(problems)}")
    return np.array([list(line) for line in lines])


def _paint(cells: np.ndarray, ends: Mapping[str, float], observation: Any) -> np.ndarray:
    """Draw the map with the agent."""
    colors = np.full((*cells.shape, 3), BACKGROUND, "uint8")
    colors[cells == "#"] = _WALL
    for cell, reward in ends.items():
        colors[cells == cell] = _GOOD if reward > 0 else _BAD
    colors[observation[..., 0] > 0] = _AGENT
    return paint_cells(colors)
