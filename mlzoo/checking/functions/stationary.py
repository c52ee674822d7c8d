"""Stationary points of a function of two numbers, and its Taylor polynomial of second order.

Where the gradient is zero, the Hessian tells: positive definite at a minimum, negative definite at
a maximum, indefinite at a saddle. Where it is semidefinite, values around the point do.
"""

from __future__ import annotations

import numpy as np

from mlzoo.checking.functions.functions import Function
from mlzoo.checking.functions.path_ranking import end_kind

MOST = 12
"""Most points that are shown: a ring or the floor of a valley has no end of them."""
_GRID = 11
"""Points a side of the grid that Newton's method begins from."""
_STEPS = 60
_FLAT = 1e-7
"""Gradient norm that counts as zero."""
_ZERO = 1e-6
"""Eigenvalues up to this, in units of the largest but at least of 1, count as zero."""


def stationary_points(function: Function) -> list[dict[str, object]]:
    """Return the stationary points in view that Newton's method finds, the lowest first.

    It starts from a grid, and none is certain to be found.

    Args:
        function: of two numbers.

    Returns:
        Rows of `x`, `y`, `value`, `kind` (minimum, maximum or saddle), the eigenvalues of the
        Hessian, `smaller` and `larger`, and what it is (`hessian`).
    """
    width = function.view[1] - function.view[0]
    distinct: list[np.ndarray] = []
    for point in _ends(function):
        apart = [float(np.hypot(*(point - other))) for other in distinct]
        if min(apart, default=np.inf) > 1e-4 * width:
            distinct.append(point)
    rows = [_row(function, point) for point in distinct]
    return sorted(rows, key=lambda row: (row["value"], row["x"], row["y"]))


def _ends(function: Function) -> np.ndarray:
    """Return the points (n, 2) in view where Newton's method ended and the gradient is zero."""
    low, high = function.view
    # Off the axes and the diagonal, where symmetric functions have gradients of zero.
    side = np.linspace(low, high, _GRID) + 0.013 * (high - low)
    points = np.stack(np.meshgrid(side, 0.97 * side, indexing="ij"), axis=-1).reshape(-1, 2)
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            gradients, hessians = function.gradient(points), function.hessians(points)
            known = np.isfinite(gradients).all(axis=1) & np.isfinite(hessians).all(axis=(1, 2))
            points, gradients, hessians = points[known], gradients[known], hessians[known]
            steps = (np.linalg.pinv(hessians, rcond=1e-12) @ gradients[..., None])[..., 0]
            points = points - steps
            if not len(points) or np.abs(steps).max() < 1e-13:
                break
        points = points[((points >= low) & (points <= high)).all(axis=1)]
        flat = np.hypot(*function.gradient(points).T) <= _FLAT
        whole = np.isfinite(function.hessians(points)).all(axis=(1, 2))
        return np.asarray(points[flat & whole & np.isfinite(function.value(points))])


def _row(function: Function, point: np.ndarray) -> dict[str, object]:
    smaller, larger = np.linalg.eigvalsh(function.hessian(point)) + 0.0
    x, y = np.round(point, 9) + 0.0  # as shown: where it is steep, the gradient there is not zero
    return {
        "x": float(x),
        "y": float(y),
        "value": float(function.value(point[None])[0]),
        "kind": end_kind(function, point, 10 * _FLAT),
        "smaller": float(smaller),
        "larger": float(larger),
        "hessian": definiteness(smaller, larger),
    }


def definiteness(smaller: float, larger: float) -> str:
    """Return what a symmetric matrix with two eigenvalues is, in words."""
    zero = _ZERO * max(1.0, abs(smaller), abs(larger))
    if smaller < -zero and larger > zero:
        return "indefinite"
    if max(abs(smaller), abs(larger)) <= zero:
        return "zero"
    sign = "positive" if larger > zero else "negative"
    return f"{sign} {'semidefinite' if min(abs(smaller), abs(larger)) <= zero else 'definite'}"


def taylor(function: Function, point: tuple[float, float]) -> str | None:
    """Return the Taylor polynomial of second order around a point, as a sentence.

    Args:
        function: of two numbers.
        point: where it is expanded; d x and d y are the differences from it.

    Returns:
        None where the function has no finite derivatives there.
    """
    place = np.array(point, float)
    value = float(function.value(place[None])[0])
    gradient, hessian = function.gradient(place[None])[0], function.hessian(place)
    if not (np.isfinite(gradient).all() and np.isfinite(hessian).all()):
        return None
    terms = [
        *((gradient[0], "dx"), (gradient[1], "dy"), (hessian[0, 0] / 2, "dx^2")),
        *((hessian[0, 1], "dx dy"), (hessian[1, 1] / 2, "dy^2")),
    ]
    shown = "".join(f" {'-' if c < 0 else '+'} {abs(c):.4g} {name}" for c, name in terms if c)
    smaller, larger = np.linalg.eigvalsh(hessian) + 0.0
    return (
        f"around ({point[0]:g}, {point[1]:g}) the function is {value:.4g}{shown} to second order; "
        f"its Hessian is {definiteness(smaller, larger)} there, "
        f"with eigenvalues {smaller:.4g} and {larger:.4g}"
    )
