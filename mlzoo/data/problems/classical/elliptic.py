"""One equation of order 2 in a plane domain: finite differences and Newton's method.

Central differences on a grid, one-sided ones where a condition on a face names a slope. Where a
neighbor lies within a hole, the distance to its rim and the value there stand in for it (Shortley
and Weller 1938), so that curved rims are resolved to second order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlzoo.data.problems.classical.residuals import evaluated, linear_root
from mlzoo.data.problems.problem import Equation, Face, Problem, Rim

_WORDS = ((), (0,), (1,), (0, 0), (1, 1))
_MOST_CELLS = 400
_ITERATIONS = 20
_CONVERGED = 1e-9
_BISECTIONS = 45
_SIDED = (-1.5, 2.0, -0.5)
_LEAST_ARM = 0.2
"""Values in holes, which interpolation needs, are extrapolated over arms of this share or more."""
Values = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class _Rows:
    """Nodes at which an equation holds, and the derivatives there as linear forms of all nodes.

    Attributes:
        equation: it is zero at these nodes.
        nodes: (n,) positions among all nodes.
        forms: matrix (n, nodes) and constant (n,) of each derivative, by word.
    """

    equation: Equation
    nodes: np.ndarray
    forms: Mapping[tuple[int, ...], tuple[Any, np.ndarray]]


class _Plane:
    """The grid of a problem: nodes in the domain and on its faces."""

    def __init__(self, problem: Problem, cells: int) -> None:
        self.problem = problem
        low, high = np.array(problem.box).T
        counts = np.maximum(np.rint(cells * (high - low) / (high - low).max()), 4).astype(int)
        self.axes = [np.linspace(a, b, n + 1) for a, b, n in zip(low, high, counts, strict=True)]
        self.steps = (high - low) / counts
        self.shape = tuple(len(axis) for axis in self.axes)
        self.points = np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, 2)
        self.active = problem.depth(self.points) < -1e-9 * (high - low).max()

    @cached_property
    def ends(self) -> np.ndarray:
        """Return for each node and coordinate -1 at the lower end, 1 at the upper end, else 0."""
        places = np.stack(np.unravel_index(np.arange(len(self.points)), self.shape), axis=-1)
        last = np.array(self.shape) - 1
        return np.where(places == 0, -1, np.where(places == last, 1, 0))

    def beside(self, nodes: np.ndarray, coordinate: int, steps: int) -> np.ndarray:
        """Return the nodes that lie some steps along a coordinate."""
        return nodes + steps * (self.shape[1] if coordinate == 0 else 1)


def elliptic(problem: Problem, cells: int) -> Values | None:
    """Return the solution of an equation in the plane; None where the method is not for it.

    Args:
        problem: one equation with a condition on every face and rim; on rims of the value alone.
        cells: along the longer side, at most 400.
    """
    if not _applies(problem) or cells > _MOST_CELLS:
        return None
    plane = _Plane(problem, cells)
    try:
        crossings = _Crossings(plane)
        rows = [_inner_rows(plane, crossings), *_face_rows(plane)]
        u = _newton(problem, plane, rows)
    except (np.linalg.LinAlgError, KeyError, IndexError):
        return None
    if u is None or not np.isfinite(u[plane.active]).all():
        return None
    return _interpolated(plane, crossings.filled(u))


def _applies(problem: Problem) -> bool:
    """Return whether there is a condition for every part of the boundary of a plane domain."""
    words = {word for _, word in problem.used(problem.equations[0]).values()}
    if len(problem.box) != 2 or problem.periodic or words - set(_WORDS):
        return False
    if max(problem.order(0, 0), problem.order(0, 1)) != 2 or not problem.order(0, 0):
        return False
    wheres = [condition.where for condition in problem.conditions]
    faces = [Face(place, end) for place, ends in enumerate(problem.box) for end in ends]
    rims = [Rim(place) for place in range(len(problem.holes))]
    many = any(wheres.count(where) > 1 for where in wheres)
    covered = {where for where in (*faces, *rims) if where in wheres}
    return not many and (covered == {*faces, *rims} or bool(problem.holes))


class _Crossings:
    """Where the arms of nodes, to their four neighbors, meet the rims of holes."""

    def __init__(self, plane: _Plane) -> None:
        self.plane = plane
        self.known: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        inner = np.flatnonzero(plane.active & ~plane.ends.any(axis=1))
        for coordinate in range(2):
            for sign in (-1, 1):
                nodes = inner[~plane.active[plane.beside(inner, coordinate, sign)]]
                self.known[coordinate, sign] = (nodes, *self._meet(nodes, coordinate, sign))

    def _meet(self, nodes: np.ndarray, coordinate: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares of arms (n,) up to the rims, and the values (n,) there."""
        problem, start = self.plane.problem, self.plane.points[nodes]
        arm = np.zeros(2)
        arm[coordinate] = sign * self.plane.steps[coordinate]
        low, high = np.zeros(len(nodes)), np.ones(len(nodes))
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            within = problem.depth(start + middle[:, None] * arm) >= 0
            low, high = np.where(within, low, middle), np.where(within, middle, high)
        points = start + high[:, None] * arm
        values = np.zeros(len(nodes))
        depths = [hole.depth(points) for hole in problem.holes]
        nearest = np.argmax(depths, axis=0) if depths else np.zeros(len(nodes), int)
        for condition in problem.conditions:
            if isinstance(condition.where, Rim):
                rows = nearest == condition.where.hole
                values[rows] = _given(problem, condition.equation, points[rows])
        return high, values

    def filled(self, u: np.ndarray) -> np.ndarray:
        """Return values at all nodes; those near a rim, within holes, are extrapolated."""
        total, count = np.zeros(len(u)), np.zeros(len(u))
        for (coordinate, sign), (nodes, share, value) in self.known.items():
            ahead = np.where(share > _LEAST_ARM, (1 - share) / np.maximum(share, _LEAST_ARM), 0)
            beyond = self.plane.beside(nodes, coordinate, sign)
            np.add.at(total, beyond, value + (value - u[nodes]) * ahead)
            np.add.at(count, beyond, 1)
        values = np.where(self.plane.active, u, total / np.maximum(count, 1))
        return _spread_once(values, self.plane.active | (count > 0), self.plane.shape)


def _spread_once(values: np.ndarray, known: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return values with unknown ones next to known ones replaced by the mean of these."""
    grid, weight = (np.pad(each.reshape(shape), 1) for each in (values * known, known * 1.0))
    shifts = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    total, count = (
        np.sum([np.roll(each, shift, (0, 1)) for shift in shifts], axis=0)[1:-1, 1:-1]
        for each in (grid, weight)
    )
    return np.where(known, values, (total / np.maximum(count, 1)).ravel())


def _given(problem: Problem, equation: Equation, points: np.ndarray) -> np.ndarray:
    """Return the values that a condition on the unknown alone gives."""
    known = problem.values(points)
    name = problem.unknowns[0]
    return linear_root(lambda numbers: evaluated([equation], {**known, name: numbers[0]}), 1)[0]


def _inner_rows(plane: _Plane, crossings: _Crossings) -> _Rows:
    """Return the equation at the nodes within the domain."""
    from scipy import sparse

    nodes = np.flatnonzero(plane.active & ~plane.ends.any(axis=1))
    size = (len(nodes), len(plane.points))
    row = np.arange(len(nodes))
    unit = sparse.csr_matrix((np.ones(len(nodes)), (row, nodes)), size)
    forms: dict[tuple[int, ...], tuple[Any, np.ndarray]] = {(): (unit, np.zeros(len(nodes)))}
    for coordinate in range(2):
        lengths, sides = {}, {}
        for sign in (-1, 1):
            crossed, share, value = crossings.known[coordinate, sign]
            at = np.searchsorted(nodes, crossed)
            full = np.ones(len(nodes))
            full[at] = share
            lengths[sign] = full * plane.steps[coordinate]
            free = np.ones(len(nodes), bool)
            free[at] = False
            beside = plane.beside(nodes, coordinate, sign)
            matrix = sparse.csr_matrix((np.ones(free.sum()), (row[free], beside[free])), size)
            constant = np.zeros(len(nodes))
            constant[at] = value
            sides[sign] = matrix, constant
        a, b = lengths[-1], lengths[1]
        for word, weights in (
            ((coordinate,), (-b / (a * (a + b)), (b - a) / (a * b), a / (b * (a + b)))),
            (
                (coordinate, coordinate),
                (2 / (a * (a + b)), -2 / (a * b), 2 / (b * (a + b))),
            ),
        ):
            scale = [sparse.diags(weight) for weight in weights]
            matrix = scale[0] @ sides[-1][0] + scale[1] @ unit + scale[2] @ sides[1][0]
            forms[word] = (matrix, weights[0] * sides[-1][1] + weights[2] * sides[1][1])
    return _Rows(plane.problem.equations[0], nodes, forms)


def _face_rows(plane: _Plane) -> list[_Rows]:
    """Return the conditions at the nodes on faces; at corners one for the value goes first."""
    from scipy import sparse

    problem = plane.problem
    taken = np.zeros(len(plane.points), bool)
    given = [c for c in problem.conditions if isinstance(c.where, Face)]
    given.sort(key=lambda c: any(word for _, word in problem.used(c.equation).values()))
    rows = []
    for condition in given:
        assert isinstance(condition.where, Face)
        coordinate = condition.where.coordinate
        sign = -1 if condition.where.value == problem.box[coordinate][0] else 1
        nodes = np.flatnonzero((plane.ends[:, coordinate] == sign) & plane.active & ~taken)
        taken[nodes] = True
        words = {word for _, word in problem.used(condition.equation).values()}
        if words - {(), (coordinate,)}:
            raise KeyError("a slope along a face")
        row, size = np.arange(len(nodes)), (len(nodes), len(plane.points))
        unit = sparse.csr_matrix((np.ones(len(nodes)), (row, nodes)), size)
        forms: dict[tuple[int, ...], tuple[Any, np.ndarray]] = {(): (unit, np.zeros(len(nodes)))}
        if words & {(coordinate,)}:
            slope = sparse.csr_matrix(size)
            for steps, weight in enumerate(_SIDED):
                beside = plane.beside(nodes, coordinate, -sign * steps)
                if not plane.active[beside].all():
                    raise KeyError("a hole next to a face with a slope")
                weights = np.full(len(nodes), -sign * weight / plane.steps[coordinate])
                slope = slope + sparse.csr_matrix((weights, (row, beside)), size)
            forms[(coordinate,)] = (slope, np.zeros(len(nodes)))
        rows.append(_Rows(condition.equation, nodes, forms))
    if (plane.active & plane.ends.any(axis=1) & ~taken).any():
        raise KeyError("a face without a condition")
    return rows


def _newton(problem: Problem, plane: _Plane, rows: list[_Rows]) -> np.ndarray | None:
    """Return the values at all nodes at which all equations hold; None where it does not end."""
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    u = np.zeros(len(plane.points))
    active = np.flatnonzero(plane.active)
    for _ in range(_ITERATIONS):
        residuals, matrices = [], []
        for each in rows:
            residual, matrix = _linearized(problem, plane, each, u)
            residuals.append(residual)
            matrices.append(matrix)
        matrix = sparse.vstack(matrices).tocsc()[:, active]
        step = spsolve(matrix, -np.concatenate(residuals))
        u[active] += step
        if np.abs(step).max() <= _CONVERGED * (1 + np.abs(u).max()):
            return u
    return None


def _linearized(
    problem: Problem, plane: _Plane, rows: _Rows, u: np.ndarray
) -> tuple[np.ndarray, Any]:
    """Return the residuals (n,) at values u, and their derivatives (n, nodes) by them."""
    from scipy import sparse

    known = problem.values(plane.points[rows.nodes])
    names = {
        name: word for name, (_, word) in problem.used(rows.equation).items() if word in rows.forms
    }
    at = {word: matrix @ u + constant for word, (matrix, constant) in rows.forms.items()}

    def residual(word: tuple[int, ...] | None = None, shift: Any = 0.0) -> np.ndarray:
        values = {name: at[own] + (shift if own == word else 0.0) for name, own in names.items()}
        return np.broadcast_to(evaluated([rows.equation], {**known, **values})[0], len(rows.nodes))

    total = sparse.csr_matrix((len(rows.nodes), len(u)))
    for word in set(names.values()):
        small = 1e-4 * (1 + np.abs(at[word]))
        slope = (residual(word, small) - residual(word, -small)) / (2 * small)
        total = total + sparse.diags(slope) @ rows.forms[word][0]
    return residual(), total


def _interpolated(plane: _Plane, u: np.ndarray) -> Values:
    """Return values between nodes: by splines, or linear where there are holes."""
    from scipy.interpolate import RectBivariateSpline, RegularGridInterpolator

    grid = u.reshape(plane.shape)
    if plane.problem.holes:
        linear = RegularGridInterpolator(plane.axes, grid)
        return lambda points: np.asarray(linear(points))[:, None]
    spline = RectBivariateSpline(*plane.axes, grid)
    return lambda points: spline.ev(points[:, 0], points[:, 1])[:, None]
