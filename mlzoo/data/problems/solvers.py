"""Classical solvers, whose error and time stand beside a network's.

Ordinary equations with conditions at the start: `solve_ivp` of scipy. One equation in a place and
the time: finite differences in space (second order) and `solve_ivp` in time, the method of lines.
Equations may be nonlinear, but must be linear in the highest derivative by time, which is solved
for at each step by evaluating the residual.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlzoo.data.problems.finite_differences import method_of_lines
from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.residuals import derivative_name, evaluated, linear_root

_TOLERANCES = {"rtol": 1e-9, "atol": 1e-11}
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
    if len(problem.coordinates) == 1:
        method, values = "solve_ivp (DOP853)", _ordinary(problem)
    elif len(problem.coordinates) == 2 and len(problem.unknowns) == 1:
        method, values = (
            f"finite differences, {cells} cells, solve_ivp in time",
            method_of_lines(problem, cells),
        )
    else:
        return None
    if values is None:
        return None
    return ClassicalSolution(method, values, time.perf_counter() - began)


def _ordinary(problem: Problem) -> Values | None:
    """Return the solution of ordinary equations from conditions at the start; None for others."""
    from scipy.integrate import solve_ivp

    low, high = problem.box[0]
    orders = [problem.order(which, 0) for which in range(len(problem.unknowns))]
    if not all(orders) or any(condition.value != low for condition in problem.conditions):
        return None
    names = [
        derivative_name(problem, which, (0, order))
        for which, n in enumerate(orders)
        for order in range(n)
    ]
    highest = [derivative_name(problem, which, (0, order)) for which, order in enumerate(orders)]

    def slopes(t: float, y: np.ndarray) -> np.ndarray:
        known = {
            **problem.parameters,
            problem.coordinates[0]: t,
            **dict(zip(names, y, strict=True)),
        }

        def residuals(numbers: np.ndarray) -> np.ndarray:
            return evaluated(
                problem.equations, {**known, **dict(zip(highest, numbers, strict=True))}
            )

        top = dict(zip(highest, linear_root(residuals, len(highest))[:, 0], strict=True))
        following = [
            derivative_name(problem, which, (0, order + 1))
            for which, n in enumerate(orders)
            for order in range(n)
        ]
        return np.array([top.get(name, known.get(name, 0.0)) for name in following])

    known = {**problem.parameters, problem.coordinates[0]: low}
    equations = [condition.equation for condition in problem.conditions]

    def at_start(numbers: np.ndarray) -> np.ndarray:
        return evaluated(equations, {**known, **dict(zip(names, numbers, strict=True))})

    try:
        start = linear_root(at_start, len(names))[:, 0]
        solution = solve_ivp(slopes, (low, high), start, "DOP853", dense_output=True, **_TOLERANCES)
    except (np.linalg.LinAlgError, KeyError, FloatingPointError):
        return None
    if not solution.success:
        return None
    kept = [names.index(name) for name in problem.unknowns]
    return lambda points: solution.sol(points[:, 0])[kept].T
