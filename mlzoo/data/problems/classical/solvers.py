"""Classical solvers, whose error and time stand beside a network's.

Ordinary equations: `solve_ivp` of scipy for conditions at the start, `solve_bvp` for those at both
ends. One equation in a place and the time: finite differences in space (second order) and
`solve_ivp` in time, the method of lines. One equation in a plane: finite differences. Equations may
be nonlinear, but ordinary ones and those in time must be linear in the highest derivative, which is
solved for at each step by evaluating the residual.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlzoo.data.problems.classical.elliptic import elliptic
from mlzoo.data.problems.classical.finite_differences import method_of_lines
from mlzoo.data.problems.classical.residuals import derivative_name, evaluated, linear_root
from mlzoo.data.problems.problem import Problem

_TOLERANCES = {"rtol": 1e-9, "atol": 1e-11}
_NODES, _TOLERANCE = 101, 1e-8
"""First nodes and tolerance of `solve_bvp`."""
Values = Callable[[np.ndarray], np.ndarray]
"""From points (n, coordinates) to the unknowns (n, unknowns)."""


@dataclass(frozen=True)
class ClassicalSolution:
    """Solution by a classical method.

    Attributes:
        method: its name, with the number of cells where it has some.
        values: the solution, interpolated.
        seconds: that solving took.
    """

    method: str
    values: Values
    seconds: float


def solve(problem: Problem, cells: int = 200) -> ClassicalSolution | None:
    """Return the solution of a problem; None where no classical solver here is for it.

    Args:
        problem: to be solved.
        cells: of the grid in space, where there is one.
    """
    began = time.perf_counter()
    for method, solver in _methods(problem, cells).items():
        values = solver()
        if values is not None:
            return ClassicalSolution(method, values, time.perf_counter() - began)
    return None


def _methods(problem: Problem, cells: int) -> dict[str, Callable[[], Values | None]]:
    """Return the solvers that may be for a problem, in the order in which they are tried."""
    if problem.fitted or problem.ranges:
        return {}
    if len(problem.box) == 1:
        return {
            "solve_ivp (DOP853)": lambda: _ordinary(problem),
            "solve_bvp": lambda: _boundary_values(problem),
        }
    if len(problem.box) == 2 and len(problem.unknowns) == 1:
        lines = f"finite differences, {cells} cells, solve_ivp in time"
        return {
            lines: lambda: method_of_lines(problem, cells),
            f"finite differences, {cells} cells": lambda: elliptic(problem, cells),
        }
    return {}


class _FirstOrder:
    """Ordinary equations as a system of first order.

    Attributes:
        problem: with one coordinate.
        orders: of the equations in each unknown.
        names: of the values of the system, (size,).
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.orders = [problem.order(which, 0) for which in range(len(problem.unknowns))]
        self.names = self._names(0)
        self._following = self._names(1)
        self._highest = [
            derivative_name(problem, which, (0, order)) for which, order in enumerate(self.orders)
        ]

    def _names(self, more: int) -> list[str]:
        return [
            derivative_name(self.problem, which, (0, order + more))
            for which, n in enumerate(self.orders)
            for order in range(n)
        ]

    def slopes(self, t: float, y: np.ndarray) -> np.ndarray:
        """Return the derivatives of values y (size,) or (size, n)."""
        names = dict(zip(self.names, y, strict=True))
        known = {**self.problem.parameters, self.problem.coordinates[0]: t, **names}

        def residuals(numbers: np.ndarray) -> np.ndarray:
            highest = dict(zip(self._highest, numbers, strict=True))
            return evaluated(self.problem.equations, {**known, **highest})

        roots = linear_root(residuals, len(self._highest))
        roots = roots[:, 0] if np.ndim(y) == 1 else np.broadcast_to(roots, (len(roots), y.shape[1]))
        top = dict(zip(self._highest, roots, strict=True))
        return np.array([top[name] if name in top else known[name] for name in self._following])

    def conditions(self, end: float, y: np.ndarray) -> np.ndarray:
        """Return the residuals (count, n) of the conditions at an end, at values y (size, n)."""
        known = {**self.problem.parameters, self.problem.coordinates[0]: end}
        equations = [c.equation for c in self.problem.conditions if c.value == end]
        return evaluated(equations, {**known, **dict(zip(self.names, y, strict=True))})


def _ordinary(problem: Problem) -> Values | None:
    """Return the solution of ordinary equations from conditions at the start; None for others."""
    from scipy.integrate import solve_ivp

    low, high = problem.box[0]
    system = _FirstOrder(problem)
    if not all(system.orders) or any(condition.value != low for condition in problem.conditions):
        return None
    try:
        start = linear_root(lambda y: system.conditions(low, y), len(system.names))[:, 0]
        solution = solve_ivp(
            system.slopes, (low, high), start, "DOP853", dense_output=True, **_TOLERANCES
        )
    except (np.linalg.LinAlgError, KeyError, FloatingPointError):
        return None
    if not solution.success:
        return None
    kept = [system.names.index(name) for name in problem.unknowns]
    return lambda points: solution.sol(points[:, 0])[kept].T


def _boundary_values(problem: Problem) -> Values | None:
    """Return the solution of ordinary equations from conditions at both ends; None for others."""
    from scipy.integrate import solve_bvp

    low, high = problem.box[0]
    system = _FirstOrder(problem)
    ends = {condition.value for condition in problem.conditions}
    if not all(system.orders) or ends != {low, high} or problem.periodic:
        return None

    def residuals(first: np.ndarray, last: np.ndarray) -> np.ndarray:
        pairs = (low, first), (high, last)
        return np.concatenate([system.conditions(end, y[:, None])[:, 0] for end, y in pairs])

    x = np.linspace(low, high, _NODES)
    try:
        solution = solve_bvp(
            system.slopes, residuals, x, np.zeros((len(system.names), _NODES)), tol=_TOLERANCE
        )
    except (np.linalg.LinAlgError, KeyError, FloatingPointError):
        return None
    if not solution.success:
        return None
    kept = [system.names.index(name) for name in problem.unknowns]
    return lambda points: solution.sol(points[:, 0])[kept].T
