"""Maps of a grid: what a model values its states at and does there, beside the exact optimum."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mlzoo.data.environments.finite import FiniteEnvironment, backups
from mlzoo.data.environments.grids import MOVES

_TIED = 1e-9
"""Returns that differ by less are equal: sums of as many rewards differ by rounding."""
COLUMNS = ["map", "row", "column", "value", "action", "optimum", "optimal_action"]


class StateMap(NamedTuple):
    """States that differ in the agent's cell alone, by the model and by the optimum.

    Attributes:
        title: what the states have in common.
        values: (2, rows, columns), first the model's; NaN in cells without a state.
        moves: (2, rows, columns, 2) rows and columns that the best action goes.
        table: a list of `COLUMNS` for each state.
        optimal: (states,) whether nothing is better than what the model does; several actions may
            be as good.
    """

    title: str
    values: np.ndarray
    moves: np.ndarray
    table: list[list[object]]
    optimal: np.ndarray


def state_maps(
    environment: FiniteEnvironment, outputs: np.ndarray, critic: np.ndarray | None = None
) -> list[StateMap]:
    """Return the maps of a grid.

    Args:
        environment: the grid.
        outputs: (S, A) of the model for the states, the largest for what it does.
        critic: (S, 1) values of the states, where the outputs are no values; else None.
    """
    mine = outputs.max(axis=1) if critic is None else critic[:, 0]
    values = np.stack([mine, environment.optimum.values[-1]])
    actions = np.stack([outputs.argmax(axis=1), environment.optimum.actions[-1]])
    moves = np.array(list(MOVES.values()), float)[actions]
    ahead = backups(environment)(environment.optimum.values[-2])
    optimal = ahead[np.arange(len(ahead)), actions[0]] > ahead.max(axis=1) - _TIED
    rows, columns = environment.cells
    maps = []
    for title, states in environment.maps.items():
        places = environment.places[states]
        cells = np.full((2, rows * columns), np.nan)
        arrows = np.zeros((2, rows * columns, 2))
        cells[:, places], arrows[:, places] = values[:, states], moves[:, states]
        names = environment.actions
        table: list[list[object]] = [
            [title, *divmod(int(environment.places[s]), columns)]
            + [values[0, s], names[actions[0, s]], values[1, s], names[actions[1, s]]]
            for s in states
        ]
        shape = (2, rows, columns)
        drawn = cells.reshape(shape), arrows.reshape(*shape, 2)
        maps.append(StateMap(title, *drawn, table, optimal[states]))
    return maps


def panel_titles(environment: FiniteEnvironment) -> tuple[str, str]:
    """Return what the two values of a `StateMap` are of."""
    return "model: value", f"optimum: return of {environment.limit} steps"
