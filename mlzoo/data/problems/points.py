"""Points of a problem's domain: within it, and on the faces and rims that conditions name."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mlzoo.core.expressions import Node, evaluate
from mlzoo.data.problems.problem import Condition, Face, Problem, Rim

_MOST_TRIALS = 1000
_TRIED = 500
_STEPS = (1e-6, 1e-10)
"""Of difference quotients, as shares of an interval."""
_ROUNDING = 1e-3
"""The most that rounding adds to them, where values are near 1 and the interval is of length 1."""


def spread(problem: Problem, count: int, seed: int) -> np.ndarray:
    """Return points (count, inputs) that fill the domain evenly (scrambled Sobol sequence)."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(problem.box), seed=seed)
    low, high = np.array(problem.box).T
    size = 2 ** math.ceil(math.log2(count))

    def draw_some(_: int) -> np.ndarray:
        return np.asarray(low + sequence.random(size) * (high - low))

    return _kept(draw_some, lambda points: problem.depth(points) < 0, count)


def draw(problem: Problem, rng: np.random.Generator, interior: int, face: int) -> list[np.ndarray]:
    """Return new points within the domain, and on the face or rim of each condition.

    Args:
        problem: whose domain they are of.
        rng: they are drawn from it, uniformly.
        interior: how many within the domain.
        face: how many on each face and rim; a face that is a point has one.

    Returns:
        An array (n, inputs) for the interior, and one for each condition.
    """
    within = _kept(_box_points(problem, rng), lambda points: problem.depth(points) < 0, interior)
    return [within, *(on_boundary(problem, c.where, rng, face) for c in problem.conditions)]


def on_boundary(
    problem: Problem, where: Face | Rim, rng: np.random.Generator, count: int
) -> np.ndarray:
    """Return points (count, inputs) of a face or a rim, where they bound the domain.

    Raises:
        ValueError: it has no such points.
    """
    draw_any = _box_points(problem, rng)

    def draw_some(number: int) -> np.ndarray:
        points = draw_any(number)
        if isinstance(where, Face):
            points[:, where.coordinate] = where.value
        else:
            points[:, :2] = problem.holes[where.hole].rim(rng, number)
        return points

    alone = len(problem.box) == 1
    return _kept(draw_some, lambda points: problem.on(where, points), 1 if alone else count)


def finite(problem: Problem, expression: Node) -> bool:
    """Return whether an expression of the inputs is finite at points of the domain and its ends."""
    drawn = np.concatenate(draw(problem, np.random.default_rng(0), _TRIED, _TRIED))
    with np.errstate(all="ignore"):
        values = evaluate(expression, problem.values(drawn), np)
    return bool(np.isfinite(values).all())


def sloped(problem: Problem, expression: Node) -> Condition | None:
    """Return the first condition with a derivative that an expression has no finite slope for.

    As sqrt(x) at x = 0: its difference quotient grows without end as the step shrinks.
    """
    rng = np.random.default_rng(0)
    for condition in problem.conditions:
        points = on_boundary(problem, condition.where, rng, _TRIED)
        words = [word for _, word in problem.used(condition.equation).values()]
        for place in {place for word in words for place in word}:
            low, high = problem.box[place]
            inward = np.where(points[:, place] < (low + high) / 2, high - low, low - high)
            with np.errstate(all="ignore"):
                far, near = (
                    np.abs(_quotient(problem, expression, points, place, step * inward))
                    for step in _STEPS
                )
            if (near > 2 * far + _ROUNDING / (high - low)).any():
                return condition
    return None


def _quotient(
    problem: Problem, expression: Node, points: np.ndarray, place: int, steps: np.ndarray
) -> np.ndarray:
    """Return the difference quotients (n,) of an expression at points (n, inputs)."""
    moved = points.copy()
    moved[:, place] += steps
    ends = [evaluate(expression, problem.values(each), np) for each in (points, moved)]
    return np.asarray((ends[1] - ends[0]) / (moved - points)[:, place])


def repeats(problem: Problem, expression: Node) -> bool:
    """Return whether an expression is the same at both ends of each periodic coordinate."""
    points = _box_points(problem, np.random.default_rng(0))(_TRIED)
    for place in problem.periodic:
        ends = []
        for end in problem.box[place]:
            points[:, place] = end
            ends.append(np.asarray(evaluate(expression, problem.values(points), np), float))
        if not np.allclose(ends[0], ends[1], atol=1e-9):
            return False
    return True


def _box_points(problem: Problem, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    low, high = np.array(problem.box).T
    return lambda number: rng.uniform(low, high, (number, len(low)))


def _kept(
    draw_some: Callable[[int], np.ndarray],
    fit: Callable[[np.ndarray], np.ndarray],
    count: int,
) -> np.ndarray:
    """Return the first `count` points that fit, of as many draws as it takes."""
    kept: list[np.ndarray] = []
    for _ in range(_MOST_TRIALS):
        points = draw_some(count)
        kept.append(points[fit(points)])
        if sum(map(len, kept)) >= count:
            return np.concatenate(kept)[:count]
    raise ValueError(f"none of {_MOST_TRIALS * count:,} points lies in the domain")
