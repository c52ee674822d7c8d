"""Optima of a function of two numbers under constraints: the points of Karush, Kuhn and Tucker.

Minimize f(p) where h(p) = 0 and g(p) <= 0. With the Lagrange function L = f + sum of multiplier
times constraint, a regular minimum has grad L = 0, multipliers of inequalities >= 0, and each of
these is 0 where its inequality is not active (Nocedal and Wright 2006, "Numerical optimization",
chapter 12).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mlzoo.checking.constraints.grammar import Constraint
from mlzoo.checking.functions.functions import Function, from_node

ZERO = 1e-7
"""Residuals, constraints and multipliers up to this, in units of the problem, count as 0."""
_GRID = 11
"""Points a side of the grid from which stationary points are searched."""
_STEPS = 60
_FAR = 10.0
"""Widths of the view within which they are kept."""


@dataclass(frozen=True)
class Limit:
    """A constraint with its function: zero on an equality, at most zero within an inequality."""

    text: str
    term: str
    function: Function
    equality: bool

    def excess(self, point: np.ndarray) -> float:
        """Return by how much a point (2,) violates it; 0 where it holds."""
        value = float(self.function.value(point[None])[0])
        return abs(value) if self.equality else max(value, 0.0)


@dataclass(frozen=True)
class KKTPoint:
    """A point that meets the conditions of Karush, Kuhn and Tucker, with what was checked.

    Attributes:
        point: (2,).
        value: of the function.
        multipliers: one a constraint, in their order; 0 of those that are not active.
        residual: norm of the gradient of the Lagrange function.
        violation: the largest excess of a constraint.
        complementarity: the largest product of an inequality and its multiplier.
        kind: minimum, maximum or saddle among the feasible points around it, by second
            derivatives; `undecided` where they do not tell.
    """

    point: np.ndarray
    value: float
    multipliers: np.ndarray
    residual: float
    violation: float
    complementarity: float
    kind: str


def limits(constraints: Sequence[Constraint], function: Function) -> list[Limit]:
    """Return the constraints on a function with exact derivatives."""
    return [
        Limit(
            each.text,
            each.term,
            from_node(each.text, each.left, function.view),
            each.equality,
        )
        for each in constraints
    ]


def kkt_points(function: Function, limits: Sequence[Limit]) -> list[KKTPoint]:
    """Return the points of Karush, Kuhn and Tucker that are found, the lowest first.

    For each set of active constraints Newton's method starts from a grid over the view. None is
    certain to be found, and where gradients of active constraints are linearly dependent a minimum
    need not be one of them.
    """
    distinct: list[KKTPoint] = []
    width = function.view[1] - function.view[0]
    for active in _active_sets(limits):
        for z in _stationary(function, [limits[i] for i in active]):
            apart = [float(np.hypot(*(z[:2] - each.point))) for each in distinct]
            if min(apart, default=np.inf) < 1e-5 * width:
                continue
            point = _judged(function, limits, active, z[:2], z[2:])
            if point is not None:
                distinct.append(point)
    return sorted(distinct, key=lambda each: (each.value, *each.point))


def optima(points: Sequence[KKTPoint]) -> list[KKTPoint]:
    """Return the lowest points that may be minima; none where there is none."""
    candidates = [each for each in points if each.kind in ("minimum", "undecided")]
    if not candidates:
        return []
    lowest = candidates[0].value
    near = ZERO * max(1.0, abs(lowest))
    return [each for each in candidates if each.value <= lowest + near]


def _active_sets(limits: Sequence[Limit]) -> Iterator[tuple[int, ...]]:
    """Return sets of active constraints: all equalities, and up to as many as there are numbers."""
    equalities = tuple(i for i, each in enumerate(limits) if each.equality)
    others = [i for i, each in enumerate(limits) if not each.equality]
    for count in range(max(2 - len(equalities), 0) + 1):
        for chosen in combinations(others, count):
            yield (*equalities, *chosen)


def _starts(function: Function) -> np.ndarray:
    """Return where Newton's method begins, (n, 2)."""
    # Off the axes and the diagonal, where symmetric functions have gradients of zero.
    side = np.linspace(*function.view, _GRID) + 0.013 * (function.view[1] - function.view[0])
    points = np.stack(np.meshgrid(side, 0.97 * side, indexing="ij"), axis=-1).reshape(-1, 2)
    return points[np.isfinite(function.value(points))]


def _stationary(function: Function, active: Sequence[Limit]) -> np.ndarray:
    """Return where Newton's method ends on grad L = 0 and all active constraints = 0.

    Returns:
        (n, 2 + active): points and multipliers, of the starts that converged.
    """
    points = _starts(function)
    rows = _gradients(active, points)
    with np.errstate(all="ignore"):
        first = -np.linalg.pinv(rows.transpose(0, 2, 1)) @ function.gradient(points)[..., None]
        z = np.concatenate([points, first[..., 0]], axis=1)
        for _ in range(_STEPS):
            z = z[np.isfinite(z).all(axis=1)]
            residuals, jacobian = _system(function, active, z)
            known = np.isfinite(jacobian).all(axis=(1, 2)) & np.isfinite(residuals).all(axis=1)
            z, residuals, jacobian = z[known], residuals[known], jacobian[known]
            step = (np.linalg.pinv(jacobian, rcond=1e-12) @ residuals[..., None])[..., 0]
            z = z - step
            if not len(z) or np.abs(step).max() < 1e-13:
                break
    return z


def _system(
    function: Function, active: Sequence[Limit], z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return grad L and the active constraints (n, 2 + active), and their Jacobian."""
    points, multipliers = z[:, :2], z[:, 2:]
    rows = _gradients(active, points)
    gradient = function.gradient(points) + np.einsum("nk,nkd->nd", multipliers, rows)
    values = [each.function.value(points) for each in active]
    corner = np.zeros((len(z), len(active), len(active)))
    curved = _hessians(function, active, points, multipliers)
    upper = np.concatenate([curved, rows.transpose(0, 2, 1)], axis=2)
    jacobian = np.concatenate([upper, np.concatenate([rows, corner], axis=2)], axis=1)
    return np.concatenate([gradient, *(v[:, None] for v in values)], axis=1), jacobian


def _gradients(active: Sequence[Limit], points: np.ndarray) -> np.ndarray:
    """Return the gradients of constraints at points (n, 2) as (n, active, 2)."""
    rows = [each.function.gradient(points) for each in active]
    return np.stack(rows, axis=1) if rows else np.empty((len(points), 0, 2))


def _hessians(
    function: Function, active: Sequence[Limit], points: np.ndarray, multipliers: np.ndarray
) -> np.ndarray:
    """Return the Hessians (n, 2, 2) of the Lagrange function."""
    curved = function.hessians(points)
    for each, multiplier in zip(active, multipliers.T, strict=True):
        curved = curved + multiplier[:, None, None] * each.function.hessians(points)
    return np.asarray(curved)


def _judged(
    function: Function,
    limits: Sequence[Limit],
    active: tuple[int, ...],
    point: np.ndarray,
    multipliers: np.ndarray,
) -> KKTPoint | None:
    """Return a point with its checks; None where it fails one of them, or is far.

    Args:
        function: that is minimized.
        limits: all constraints.
        active: positions of those that hold with equality.
        point: (2,).
        multipliers: of the active ones.
    """
    chosen = [limits[i] for i in active]
    gradient = function.gradient(point[None])[0]
    rows = _gradients(chosen, point[None])[0]
    residual = float(np.hypot(*(gradient + multipliers @ rows)))
    violation = max((each.excess(point) for each in limits), default=0.0)
    value = float(function.value(point[None])[0])
    width = function.view[1] - function.view[0]
    near = np.abs(point - np.mean(function.view)).max() <= _FAR * width
    scale = max(1.0, float(np.hypot(*gradient)))
    if not (near and np.isfinite(value) and residual <= ZERO * scale and violation <= ZERO):
        return None
    signs = [m for each, m in zip(chosen, multipliers, strict=True) if not each.equality]
    if min(signs, default=0.0) < -ZERO:
        return None
    full = np.zeros(len(limits))
    full[list(active)] = multipliers
    slack = [
        abs(m * float(each.function.value(point[None])[0]))
        for m, each in zip(full, limits, strict=True)
        if not each.equality
    ]
    hessian = _hessians(function, chosen, point[None], multipliers[None])[0]
    kind = _kind(hessian, rows, signs)
    return KKTPoint(point, value, full, residual, violation, max(slack, default=0.0), kind)


def _kind(hessian: np.ndarray, rows: np.ndarray, signs: Sequence[float]) -> str:
    """Return what a point is, by the curvature of L along the active constraints.

    Args:
        hessian: (2, 2), of the Lagrange function.
        rows: (active, 2), gradients of the active constraints.
        signs: multipliers of the active inequalities.
    """
    if len(rows) and np.linalg.matrix_rank(rows, tol=1e-8) < len(rows):
        return "undecided"
    tangents = np.linalg.svd(rows)[2][len(rows) :].T if len(rows) else np.eye(2)
    curvatures = np.linalg.eigvalsh(tangents.T @ hessian @ tangents)
    flat = np.abs(curvatures).min(initial=np.inf) <= ZERO * max(1.0, np.abs(hessian).max())
    # Off an inequality whose multiplier is 0 the function may fall, which this does not see.
    if flat or ((curvatures > 0).all() and min(signs, default=1.0) <= ZERO):
        return "undecided"
    if (curvatures > 0).all():
        return "minimum"
    return "maximum" if (curvatures < 0).all() and not signs else "saddle"


def multiplier_names(limits: Sequence[Limit]) -> list[str]:
    """Return what the multiplier of each constraint is called."""
    return [f"m{number}" for number in range(1, len(limits) + 1)]


def lagrange_function(function: Function, limits: Sequence[Limit]) -> str:
    """Return the Lagrange function as text."""
    names = multiplier_names(limits)
    terms = [f"{name}*{each.term}" for name, each in zip(names, limits, strict=True)]
    return " + ".join([function.text, *terms])


def kkt_rows(points: Sequence[KKTPoint], limits: Sequence[Limit]) -> list[dict[str, object]]:
    """Return the points with their multipliers and checks, a row each."""
    names = multiplier_names(limits)
    return [
        {
            "x": float(each.point[0]),
            "y": float(each.point[1]),
            "value": each.value,
            "kind": each.kind,
            **{name: float(m) for name, m in zip(names, each.multipliers, strict=True)},
            "gradient of L": each.residual,
            "violation": each.violation,
            "complementarity": each.complementarity,
        }
        for each in points
    ]
