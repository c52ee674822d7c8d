"""Terms of a loss: mean squared residuals of equations, conditions and measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mlzoo.data.problems.problem import Problem
from mlzoo.layers.derivatives.interface import functions
from mlzoo.layers.derivatives.residuals import residuals

_BINS = 16
"""Slices of time whose residuals are weighted apart."""


def mean_squares(
    problem: Problem,
    function: Any,
    points: Sequence[Any],
    causal: float = 0.0,
    time: int | None = None,
) -> Any:
    """Return the mean squared residuals (equations + conditions + measured unknowns,).

    Args:
        problem: the equations.
        function: from points (n, inputs) to the unknowns (n, unknowns) and, in further columns,
            the parameters that are fitted.
        points: within the domain, of each condition and, where there are some, of the measurements.
        causal: how soon residuals of later times count less; 0: all count alike.
        time: position of the time among the coordinates, where that is not 0.
    """
    xp = functions()
    within = [*problem.equations]
    faces = [[condition.equation] for condition in problem.conditions]
    terms = []
    for number, (equations, where) in enumerate(
        zip([within, *faces], points[: 1 + len(faces)], strict=True)
    ):
        for residual in residuals(problem, equations, function, where):
            squares = residual**2
            if causal and time is not None and not number:
                ends = problem.box[time]
                squares = squares * _causal_weights(where[:, time], ends, squares, causal)
            terms.append(xp.mean(squares))
    measured = problem.measurements
    if measured is not None:
        outputs = function(points[-1])
        for column, which in enumerate(measured.unknowns):
            values = keras.ops.convert_to_tensor(measured.values[:, column], outputs.dtype)
            terms.append(xp.mean((outputs[:, which] - values) ** 2))
    return xp.stack(terms)


def _causal_weights(time: Any, ends: tuple[float, float], squares: Any, causal: float) -> Any:
    """Return weights (n,) that fall with the residuals of all earlier times.

    Wang, Sankaran and Perdikaris, "Respecting causality for training physics-informed neural
    networks" (2024): exp(-causal times the sum of the mean squares of earlier slices).
    """
    edges = np.linspace(*ends, _BINS + 1)
    edges[-1] = np.inf
    time = time[:, None]
    ops = keras.ops
    after = ops.cast(time >= ops.convert_to_tensor(edges[:-1], time.dtype), time.dtype)
    before = ops.cast(time < ops.convert_to_tensor(edges[1:], time.dtype), time.dtype)
    member = after * before
    means = ops.sum(member * squares[:, None], axis=0) / ops.maximum(ops.sum(member, axis=0), 1)
    earlier = ops.cumsum(means) - means
    weights = functions().exp(-causal * earlier)
    return ops.stop_gradient(ops.sum(member * weights[None], axis=1))
