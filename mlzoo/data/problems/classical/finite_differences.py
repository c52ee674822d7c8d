"""One equation in a place and the time: finite differences in space, `solve_ivp` in time.

The method of lines, of second order in space. An end's value follows from its condition by
one-sided differences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.data.problems.classical.residuals import derivative_name, evaluated, linear_root
from mlzoo.data.problems.problem import Equation, Problem

_TOLERANCES = {"rtol": 1e-7, "atol": 1e-9}
_STENCILS = {0: (0, 1, 0), 1: (-0.5, 0, 0.5), 2: (1, -2, 1)}
"""Central differences of the values at i - 1, i and i + 1, in powers of the spacing."""
_SIDED = {0: (1, 0, 0), 1: (-1.5, 2, -0.5)}
"""The same at an end, of the values at 0, 1 and 2 from it."""


@dataclass(frozen=True)
class _Grid:
    """A problem in a place x and the time t on the nodes of a grid.

    Attributes:
        problem: with one unknown.
        x: positions of the nodes (cells + 1,).
        place: position of x among the coordinates; that of the time is the other.
        order: of the equation in time, 1 or 2.
    """

    problem: Problem
    x: np.ndarray
    place: int
    order: int

    @property
    def periodic(self) -> bool:
        """Return whether the last node is the first again."""
        return self.place in self.problem.periodic

    @property
    def inner(self) -> np.ndarray:
        """Return the positions of the nodes whose values are integrated."""
        return self.x[:-1] if self.periodic else self.x[1:-1]

    def known(self, t: float, x: np.ndarray) -> dict[str, object]:
        """Return what expressions may name at some nodes, without the unknown."""
        names = self.problem.coordinates
        return {**self.problem.parameters, names[self.place]: x, names[1 - self.place]: t}

    def derivatives(self, u: np.ndarray, time_order: int) -> dict[str, object]:
        """Return derivatives by x, at the inner nodes, of values there and beside them."""
        step = self.x[1] - self.x[0]
        around = u[:-2], u[1:-1], u[2:]
        return {
            derivative_name(self.problem, 0, *self._words(order, time_order)): sum(
                weight * values for weight, values in zip(weights, around, strict=True)
            )
            / step**order
            for order, weights in _STENCILS.items()
        }

    def _words(self, order: int, time_order: int) -> list[tuple[int, int]]:
        words = [(self.place, order), (1 - self.place, time_order)]
        return sorted(word for word in words if word[1])

    def beside(self, t: float, inner: np.ndarray) -> np.ndarray:
        """Return values at the inner nodes with one more at each end."""
        if self.periodic:
            return np.concatenate([inner[-1:], inner, inner[:1]])
        return self.ends(t, inner)

    def ends(self, t: float, inner: np.ndarray) -> np.ndarray:
        """Return values at all nodes, those at the ends from their conditions."""
        if self.periodic:
            return np.append(inner, inner[:1])
        step = self.x[1] - self.x[0]
        u = np.concatenate([[0.0], inner, [0.0]])
        for condition in self.problem.conditions:
            if condition.coordinate != self.place:
                continue
            first = condition.value == self.problem.box[self.place][0]
            sign, node = (1, 0) if first else (-1, -1)
            near = inner[:2] if first else inner[:-3:-1]
            known = self.known(t, self.x[[node]])

            u[node] = self._end(condition.equation, known, near, sign * step)
        return u

    def _end(
        self, equation: Equation, known: Mapping[str, Any], near: np.ndarray, step: float
    ) -> float:
        """Return the value at an end that a condition asks for.

        Args:
            equation: the condition.
            known: values of what it may name, without the unknown.
            near: (2,) values at the next nodes.
            step: distance to the next node, negative at the upper end.
        """

        def residuals(number: np.ndarray) -> np.ndarray:
            three = (number[0], *near)
            slopes = {
                derivative_name(self.problem, 0, (self.place, order)): sum(
                    weight * value for weight, value in zip(weights, three, strict=True)
                )
                / step**order
                for order, weights in _SIDED.items()
            }
            return evaluated([equation], {**known, **slopes})

        return float(linear_root(residuals, 1)[0, 0])


def method_of_lines(problem: Problem, cells: int) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the solution of one equation by the method of lines; None where it does not apply."""
    from scipy.integrate import solve_ivp
    from scipy.interpolate import RectBivariateSpline

    grid = _grid(problem, cells)
    if grid is None:
        return None
    low, high = problem.box[1 - grid.place]
    highest = derivative_name(problem, 0, (1 - grid.place, grid.order))
    inner = len(grid.inner)

    def slopes(t: float, y: np.ndarray) -> np.ndarray:
        parts = y.reshape(grid.order, inner)
        values = {**grid.known(t, grid.inner), **grid.derivatives(grid.beside(t, parts[0]), 0)}
        if grid.order == 2:
            values[derivative_name(problem, 0, (1 - grid.place, 1))] = parts[1]

        def residuals(numbers: np.ndarray) -> np.ndarray:
            return evaluated(problem.equations, {**values, highest: numbers[0]})

        return np.concatenate([*parts[1:], linear_root(residuals, 1)[0]])

    try:
        start = _start(grid, low)
        options = {**_method(grid), **_TOLERANCES}
        solution = solve_ivp(
            slopes, (low, high), start, t_eval=np.linspace(low, high, 201), **options
        )
    except (np.linalg.LinAlgError, KeyError):
        return None
    if not solution.success:
        return None
    u = np.stack([grid.ends(t, y[:inner]) for t, y in zip(solution.t, solution.y.T, strict=True)])
    spline = RectBivariateSpline(solution.t, grid.x, u)
    return lambda points: spline.ev(points[:, 1 - grid.place], points[:, grid.place])[:, None]


def _method(grid: _Grid) -> dict[str, object]:
    """Return the method of integration, with what it is to know of the Jacobian.

    Diffusion is stiff; waves are not, and an implicit method would solve large systems for them.
    """
    if grid.order == 2:
        return {"method": "DOP853"}
    if not grid.periodic:
        return {"method": "LSODA", "lband": 1, "uband": 1}
    from scipy import sparse

    count = len(grid.inner)
    offsets = (-count + 1, -1, 0, 1, count - 1)
    pattern = sparse.diags([np.ones(count)] * 5, offsets, (count, count), format="csc")
    return {"method": "BDF", "jac_sparsity": pattern}


def _grid(problem: Problem, cells: int) -> _Grid | None:
    """Return the grid of a problem that has a time; None for others.

    The time is the coordinate whose conditions all stand at its start, as many as the equation's
    order in it; the place has a condition at each end.
    """
    for moment in (1, 0):
        place, order = 1 - moment, problem.order(0, moment)
        if problem.holes or moment in problem.periodic:
            continue
        at = {c.value for c in problem.conditions if c.coordinate == moment}
        ends = [c.value for c in problem.conditions if c.coordinate == place]
        needed = () if place in problem.periodic else problem.box[place]
        if at != {problem.box[moment][0]} or {*ends} != {*needed} or len(ends) != len(needed):
            continue
        if order in (1, 2) and problem.order(0, place) <= 2:
            x = np.linspace(*problem.box[place], cells + 1)
            return _Grid(problem, x, place, order)
    return None


def _start(grid: _Grid, t: float) -> np.ndarray:
    """Return the unknown, and for order 2 its slope by time, at the inner nodes."""
    names = [
        derivative_name(grid.problem, 0, (1 - grid.place, order)) for order in range(grid.order)
    ]
    known = grid.known(t, grid.inner)
    equations = [c.equation for c in grid.problem.conditions if c.coordinate != grid.place]

    def residuals(numbers: np.ndarray) -> np.ndarray:
        return evaluated(equations, {**known, **dict(zip(names, numbers, strict=True))})

    solution = linear_root(residuals, grid.order)
    return np.broadcast_to(solution, (grid.order, len(grid.inner))).reshape(-1)
