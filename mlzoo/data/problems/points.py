"""Points of a problem's domain: within the box, and on the faces that conditions name."""

from __future__ import annotations

import math

import numpy as np

from mlzoo.data.problems.problem import Condition, Problem


def spread(problem: Problem, count: int, seed: int) -> np.ndarray:
    """Return points (count, coordinates) that fill the box evenly (scrambled Sobol sequence)."""
    from scipy.stats import qmc

    drawn = qmc.Sobol(len(problem.box), seed=seed).random_base2(math.ceil(math.log2(count)))
    low, high = np.array(problem.box).T
    return np.asarray(low + drawn[:count] * (high - low))


def draw(problem: Problem, rng: np.random.Generator, interior: int, face: int) -> list[np.ndarray]:
    """Return new points within the box, and on the face of each condition.

    Args:
        problem: whose domain they are of.
        rng: they are drawn from it, uniformly.
        interior: how many within the box.
        face: how many on each face; a face that is a point has one.

    Returns:
        An array (n, coordinates) for the interior, and one for each condition.
    """
    low, high = np.array(problem.box).T
    within = rng.uniform(low, high, (interior, len(low)))
    return [within, *(_on_face(problem, each, rng, face) for each in problem.conditions)]


def _on_face(
    problem: Problem, condition: Condition, rng: np.random.Generator, count: int
) -> np.ndarray:
    low, high = np.array(problem.box).T
    points = rng.uniform(low, high, (count if len(low) > 1 else 1, len(low)))
    points[:, condition.coordinate] = condition.value
    return points
