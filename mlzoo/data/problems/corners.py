"""Singular functions of corners that point into a domain, where slopes of solutions are infinite.

Grisvard, "Elliptic Problems in Nonsmooth Domains" (1985): about a corner of interior angle w > pi,
between edges on which values are given, the solution of a Laplacian's equation is a smooth function
plus multiples of r^(k pi / w) sin(k pi theta / w), which no smooth network is near to.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mlzoo.core.expressions import Node, evaluate, parse
from mlzoo.data.problems.points import draw, on_boundary
from mlzoo.data.problems.problem import Problem, Rim
from mlzoo.data.problems.shapes import Disc, Polygon

_TERMS = 2
"""Singular functions of each corner: with larger exponents they are smoother."""
_NEAR = 1e-4
"""Radius about a corner in which its angle is measured, as a share of the box."""
_RAYS = 1440
_CHECKED = 500


def corner_functions(problem: Problem) -> tuple[Node, ...]:
    """Return the singular functions of each corner of a polygon that points into the domain.

    They are of equations of order 2 in the plane, on whose rims values are given.
    """
    if len(problem.coordinates) != 2 or problem.periodic or problem.time is not None:
        return ()
    if any(problem.order(0, place) != 2 for place in (0, 1)) or len(problem.unknowns) > 1:
        return ()
    functions: list[Node] = []
    for number, hole in enumerate(problem.holes):
        if isinstance(hole, Polygon) and _gives_values(problem, Rim(number)):
            for corner in hole.corners:
                functions += _about(problem, corner)
    return tuple(functions)


def rim_factor(problem: Problem, where: Rim) -> Node | None:
    """Return a function that is 0 on the part of a rim that bounds the domain, positive within.

    Of a polygon it is the singular function of its one corner that points into the domain; None
    where that is not 0 on the whole rim, or is 0 elsewhere in the domain too.
    """
    hole = problem.holes[where.hole]
    if isinstance(hole, Disc):
        x, y = _away(problem, hole.center)
        return parse(f"({x}^2 + {y}^2)/{hole.radius**2!r} - 1", problem.coordinates)
    factors = [nodes[0] for corner in hole.corners if (nodes := _about(problem, corner))]
    if len(factors) != 1:
        return None
    on_rim = on_boundary(problem, where, np.random.default_rng(0), _CHECKED)
    within = draw(problem, np.random.default_rng(0), _CHECKED, 1)[0]
    zero, positive = (
        np.asarray(evaluate(factors[0], problem.values(points), np)) for points in (on_rim, within)
    )
    low, high = np.array(problem.box).T
    small = 1e-9 * float((high - low).max())
    return factors[0] if np.abs(zero).max() < small and (positive > small).all() else None


def _gives_values(problem: Problem, where: Rim) -> bool:
    """Return whether a condition on a rim names the unknown alone, and no slope."""
    return any(
        {word for _, word in problem.used(condition.equation).values()} == {()}
        for condition in problem.conditions
        if condition.where == where
    )


def _about(problem: Problem, corner: tuple[float, float]) -> list[Node]:
    """Return the singular functions of a corner; none where its angle is at most pi."""
    arc = _opening(problem, np.array(corner))
    if arc is None:
        return []
    start, angle = arc
    if not angle > np.pi * (1 + 1e-3) or angle > 2 * np.pi - 1e-3:
        return []
    middle = start + angle / 2
    x, y = _away(problem, corner)
    cos, sin = float(np.cos(middle)), float(np.sin(middle))
    radius = f"sqrt({x}^2 + {y}^2)"
    along, across = f"({cos!r}*{x} + {sin!r}*{y})", f"({cos!r}*{y} - ({sin!r})*{x})"
    # Of half the angle, so that it jumps at the ray against the middle, out of the domain.
    turn = f"2*atan({across}/({radius} + {along}))"
    nodes = []
    for term in range(1, _TERMS + 1):
        power = float(term * np.pi / angle)
        # sin(k pi theta / w), theta = turn + w / 2
        wave = f"sin({power!r}*({turn} + {angle / 2!r}))"
        nodes.append(parse(f"{radius}^{power!r}*{wave}", problem.coordinates))
    return nodes


def _away(problem: Problem, center: tuple[float, float]) -> list[str]:
    """Return the first two coordinates as texts, counted from a point."""
    pairs = zip(problem.coordinates, map(float, center), strict=False)
    return [f"({name} - ({place!r}))" for name, place in pairs]


def _opening(problem: Problem, corner: np.ndarray) -> tuple[float, float] | None:
    """Return where the domain begins about a point, and its angle there.

    None where it does not begin and end just once.
    """
    low, high = np.array(problem.box)[:2].T
    radius = _NEAR * float((high - low).max())

    def inside(angles: np.ndarray) -> np.ndarray:
        points = corner + radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        in_box = ((points > low) & (points < high)).all(axis=1)
        return np.asarray(in_box & (problem.depth(points) < 0))

    # No ray may run along an edge, as those at multiples of right angles do.
    rays = 0.1234 + np.linspace(0, 2 * np.pi, _RAYS + 1)
    within = inside(rays)
    changes = [
        (_edge(inside, before, after), bool(now))
        for (before, after), (then, now) in zip(
            pairwise(rays.tolist()), pairwise(within.tolist()), strict=True
        )
        if then != now
    ]
    if len(changes) != 2:
        return None
    [start] = [angle for angle, begins in changes if begins]
    [end] = [angle for angle, begins in changes if not begins]
    return start, (end - start) % (2 * np.pi)


def _edge(inside: object, before: float, after: float) -> float:
    """Return the angle between two at which the domain begins or ends, by bisection."""
    assert callable(inside)
    at_first = bool(inside(np.array([before]))[0])
    for _ in range(40):
        middle = (before + after) / 2
        if bool(inside(np.array([middle]))[0]) == at_first:
            before = middle
        else:
            after = middle
    return (before + after) / 2
