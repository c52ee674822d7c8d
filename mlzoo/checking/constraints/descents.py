"""Descents to an optimum under constraints: penalty, augmented Lagrangian, projected gradient.

Nocedal and Wright 2006, "Numerical optimization", chapters 17 and 12. The first two minimize, again
and again, a function without constraints; each point of such a descent is a step of their path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
from scipy.optimize import minimize

from mlzoo.checking.constraints.kkt import ZERO, KKTPoint, Limit
from mlzoo.checking.functions.descent import Path
from mlzoo.checking.functions.functions import Function

_FIRST_WEIGHT, _GROWTH, _LAST_WEIGHT = 1.0, 10.0, 1e8
"""Weight of the squared violations, what it is multiplied by, and where it ends."""
_ROUNDS = 50
"""Most changes of the multipliers."""
_ENOUGH = 0.25
"""Share to which an augmented Lagrangian must lower the violation, or its weight grows."""
_ARMIJO = 1e-4
"""Share of the decrease that the gradient promises which a projected step must bring."""
_STILL = 1e-10
"""Step length, in widths of the view, at which a path ends."""


def descend(
    function: Function, limits: Sequence[Limit], start: tuple[float, float], steps: int
) -> list[Path]:
    """Return the paths of the three methods from a point, which may violate constraints.

    Args:
        function: that is minimized.
        limits: the constraints.
        start: where each begins; the projected gradient at the feasible point next to it.
        steps: most points of a path behind its start.
    """
    methods: dict[str, Callable[..., list[np.ndarray]]] = {
        "penalty": _penalty,
        "augmented Lagrangian": _augmented,
        "projected gradient": _projected,
    }
    paths = []
    for name, method in methods.items():
        points = np.array(method(function, limits, np.array(start, float), steps))[: steps + 1]
        with np.errstate(all="ignore"):
            values = function.value(points)
        fine = np.isfinite(points).all(axis=1) & np.isfinite(values)
        end = len(points) if fine.all() else max(1, int(fine.argmin()))
        paths.append(Path(name, None, points[:end], values[:end], bool(fine.all())))
    return paths


class DescentEnd(TypedDict):
    """Last point of a path: its value, its violation of the constraints, its way to an optimum.

    Attributes:
        method: of the descent.
        steps: of the path.
        violation: largest of a constraint.
        distance: to the nearest of the lowest minima; None without one.
        value: of the function.
        x, y: the point.
    """

    method: str
    steps: int
    violation: float
    distance: float | None
    value: float
    x: float
    y: float


def end_rows(
    paths: Sequence[Path], limits: Sequence[Limit], optima: Sequence[KKTPoint]
) -> list[DescentEnd]:
    """Return where each path ends, a row each: violation, value, distance to an optimum.

    Args:
        paths: from `descend`.
        limits: the constraints.
        optima: the lowest minima; without one there is no distance.
    """
    rows: list[DescentEnd] = []
    for path in paths:
        last = path.points[-1]
        apart = [float(np.hypot(*(last - each.point))) for each in optima]
        rows.append(
            {
                "method": path.optimizer,
                "steps": len(path.points) - 1,
                "violation": _violation(limits, last),
                "distance": min(apart, default=None),
                "value": float(path.values[-1]),
                "x": float(last[0]),
                "y": float(last[1]),
            }
        )
    return rows


def _penalty(
    function: Function, limits: Sequence[Limit], start: np.ndarray, steps: int
) -> list[np.ndarray]:
    """Minimize f + weight / 2 * sum of squared violations for weights that grow tenfold."""
    points, weight = [start], _FIRST_WEIGHT
    still = np.zeros(len(limits))
    while len(points) <= steps and weight <= _LAST_WEIGHT:
        points += _minimized(function, limits, points[-1], still, weight)
        if _violation(limits, points[-1]) <= ZERO:
            break
        weight *= _GROWTH
    return points


def _augmented(
    function: Function, limits: Sequence[Limit], start: np.ndarray, steps: int
) -> list[np.ndarray]:
    """Minimize the Lagrange function with squared violations, and move its multipliers by these."""
    points, weight = [start], _GROWTH * _FIRST_WEIGHT
    multipliers, before = np.zeros(len(limits)), np.inf
    for _ in range(_ROUNDS):
        points += _minimized(function, limits, points[-1], multipliers, weight)
        updated = _shifted(limits, points[-1], multipliers, weight)
        change = np.abs(updated - multipliers).max(initial=0.0) / weight
        multipliers = updated
        if change <= ZERO or not np.isfinite(change) or len(points) > steps:
            break
        if change > _ENOUGH * before and weight < _LAST_WEIGHT:
            weight *= _GROWTH
        before = change
    return points


def _minimized(
    function: Function,
    limits: Sequence[Limit],
    start: np.ndarray,
    multipliers: np.ndarray,
    weight: float,
) -> list[np.ndarray]:
    """Return the points at which BFGS lowers f + sum of squared shifted constraints / (2 weight).

    Args:
        function: that is minimized.
        limits: the constraints; a multiplier plus weight times constraint is its shifted value,
            and at least 0 of an inequality.
        start: (2,), not among the points.
        multipliers: one a constraint.
        weight: of the squared violations.
    """

    def value_and_gradient(point: np.ndarray) -> tuple[float, np.ndarray]:
        shifted = _shifted(limits, point, multipliers, weight)
        value = float(function.value(point[None])[0]) + float(shifted @ shifted) / (2 * weight)
        gradient = function.gradient(point[None])[0]
        for factor, limit in zip(shifted, limits, strict=True):
            gradient = gradient + factor * limit.function.gradient(point[None])[0]
        return float(np.nan_to_num(value, nan=1e300, posinf=1e300)), np.nan_to_num(gradient)

    points: list[np.ndarray] = []
    with np.errstate(all="ignore"):
        minimize(
            value_and_gradient,
            start,
            jac=True,
            method="BFGS",
            callback=lambda point: points.append(np.array(point)),
            options={"gtol": 1e-9, "maxiter": 200},
        )
    return points


def _shifted(
    limits: Sequence[Limit], point: np.ndarray, multipliers: np.ndarray, weight: float
) -> np.ndarray:
    """Return multiplier + weight * constraint of each, at least 0 of an inequality."""
    values = np.array([float(each.function.value(point[None])[0]) for each in limits])
    moved = multipliers + weight * values
    free = np.array([each.equality for each in limits])
    return np.where(free, moved, np.maximum(moved, 0.0))


def _violation(limits: Sequence[Limit], point: np.ndarray) -> float:
    return max((each.excess(point) for each in limits), default=0.0)


def _projected(
    function: Function, limits: Sequence[Limit], start: np.ndarray, steps: int
) -> list[np.ndarray]:
    """Follow the gradient downhill, each step back to the nearest feasible point.

    A step is halved until the function falls as far as it must (Armijo), and the next one begins
    with twice its length.
    """
    width = function.view[1] - function.view[0]
    points, rate = [start, project(limits, start)], 1.0
    while len(points) <= steps:
        point = points[-1]
        value = float(function.value(point[None])[0])
        gradient = function.gradient(point[None])[0]
        if not np.isfinite(gradient).all():
            break
        for _ in range(60):
            candidate = project(limits, point - rate * gradient)
            length = float(np.hypot(*(candidate - point)))
            lower = value - float(function.value(candidate[None])[0])
            if length <= _STILL * width or lower >= _ARMIJO / rate * length**2:
                break
            rate /= 2
        if length <= _STILL * width or _violation(limits, candidate) > 1e3 * ZERO:
            break
        points.append(candidate)
        rate *= 2
    return points


def project(limits: Sequence[Limit], point: np.ndarray) -> np.ndarray:
    """Return the feasible point next to a point (2,), by sequential quadratic programming."""
    if _violation(limits, point) <= ZERO:
        return point
    constraints = [
        {
            "type": "eq" if each.equality else "ineq",
            "fun": lambda p, f=each.function, s=sign: s * f.value(p[None])[0],
            "jac": lambda p, f=each.function, s=sign: s * f.gradient(p[None])[0],
        }
        for each in limits
        for sign in (1.0 if each.equality else -1.0,)
    ]
    with np.errstate(all="ignore"):
        result = minimize(
            lambda p: (0.5 * float((p - point) @ (p - point)), p - point),
            point,
            jac=True,
            method="SLSQP",
            constraints=constraints,
            options={"ftol": 1e-15, "maxiter": 100},
        )
    return np.array(result.x)
