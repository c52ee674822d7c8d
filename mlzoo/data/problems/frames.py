"""Frames of a film of a solution over the epochs of a training, on a grid of the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mlzoo.data.problems.problem import Problem

MOST_INPUTS = 2
_NODES = {1: 256, 2: 64}
"""Nodes along an input, by the number of inputs."""


@dataclass(frozen=True)
class Frame:
    """A solution at the nodes of a grid.

    Attributes:
        title: of the frame, such as the epoch.
        values: (nodes, unknowns), in the order of `grid`.
    """

    title: str
    values: np.ndarray


def grid(problem: Problem) -> np.ndarray:
    """Return nodes (n, inputs) over the box of a problem of one or two inputs, the last fastest."""
    nodes = _NODES[len(problem.box)]
    lines = [np.linspace(low, high, nodes) for low, high in problem.box]
    return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
