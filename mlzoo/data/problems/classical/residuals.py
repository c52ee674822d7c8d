"""Residuals of equations at given values, and what makes them zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mlzoo.core.expressions import evaluate
from mlzoo.data.problems.problem import Equation, Problem

_LINEAR = 1e-6
"""Largest residual at the root of what is linear, as a share of that at zero."""


def derivative_name(problem: Problem, which: int, *words: tuple[int, int]) -> str:
    """Return the name of a derivative; words are (coordinate, order)."""
    letters = "".join(problem.coordinates[place] * order for place, order in words)
    return problem.unknowns[which] + (f"_{letters}" if letters else "")


def linear_root(residuals: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """Return the root of residuals that are linear in `count` numbers.

    Args:
        residuals: from numbers (count, n) to (count, n); each column is a system of its own.
        count: numbers of a system.

    Returns:
        An array (count, n).

    Raises:
        LinAlgError: there is no root, or the residuals are not linear.
    """
    none = np.zeros((count, 1))
    constant = residuals(none)
    columns = [residuals(none + unit[:, None]) - constant for unit in np.eye(count)]
    matrix = np.moveaxis(np.stack(columns, axis=1), -1, 0)
    roots = np.linalg.solve(matrix, -np.moveaxis(constant, -1, 0)[..., None])
    root = np.moveaxis(roots[..., 0], 0, -1)
    scale = 1 + np.abs(constant).max(initial=0)
    if not np.abs(residuals(root)).max(initial=0) < _LINEAR * scale:
        raise np.linalg.LinAlgError("the residuals are not linear")
    return root


def evaluated(equations: Sequence[Equation], values: Mapping[str, Any]) -> np.ndarray:
    """Return the residuals (equations, n), given the values of all that is named."""
    rows = [np.atleast_1d(evaluate(each.residual, values, np)) for each in equations]
    return np.array(np.broadcast_arrays(*rows), float)
