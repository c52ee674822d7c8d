"""Residuals of differential equations: how far a function is from solving them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from mlzoo.core.expressions import evaluate
from mlzoo.data.problems.problem import Equation, Problem
from mlzoo.layers.derivatives.interface import compiled, derivatives, functions
from mlzoo.layers.trial import FittedNumbers


def residuals(
    problem: Problem, equations: Sequence[Equation], function: Any, points: Any
) -> list[Any]:
    """Return the residuals (n,) of some equations at points (n, inputs).

    Args:
        problem: whose equations they are.
        equations: some of them.
        function: from points (n, inputs) to the unknowns (n, unknowns) and, in further columns,
            the parameters that are fitted.
        points: of the domain.
    """
    used = {name: place for each in equations for name, place in problem.used(each).items()}
    words = {(), *(word for _, word in used.values())}
    by_word = derivatives(function, points, words)
    values = problem.values(points)
    values |= {name: by_word[word][:, which] for name, (which, word) in used.items()}
    for place, name in enumerate(problem.fitted, len(problem.unknowns)):
        values[name] = by_word[()][:, place]
    return [evaluate(each.residual, values, functions()) for each in equations]


def residual_sizes(problem: Problem, function: Any, points: Any) -> Any:
    """Return the root of the summed squared residuals (n,) of all equations at points."""
    squares = [r**2 for r in residuals(problem, problem.equations, function, points)]
    return functions().sqrt(sum(squares[1:], squares[0]))


def sizes_at(problem: Problem, model: keras.Model, points: np.ndarray) -> np.ndarray:
    """Return the sizes of residuals (n,) at points, with the numbers that a model has fitted."""
    return _at(problem, model, points, residual_sizes)


def residuals_at(problem: Problem, model: keras.Model, points: np.ndarray) -> np.ndarray:
    """Return each equation's residual (n, equations) at points (n, inputs).

    Args:
        problem: that a model solves.
        model: of the unknowns, perhaps with parameters that it has fitted.
        points: of the domain.
    """

    def all_of(known: Problem, function: Any, at: Any) -> Any:
        each = residuals(known, known.equations, function, at)
        return functions().stack(each)

    return _at(problem, model, points, all_of).T


def _at(
    problem: Problem,
    model: keras.Model,
    points: np.ndarray,
    function: Callable[[Problem, Any, Any], Any],
) -> np.ndarray:
    """Return a function of the problem, with the numbers that a model has fitted, at points."""
    numbers = [layer for layer in model.layers if isinstance(layer, FittedNumbers)]
    values = {name: value for layer in numbers for name, value in layer.values().items()}
    known = replace(problem, parameters={**problem.parameters, **values}, fitted={})
    computed = compiled(model, lambda of_model, at: function(known, of_model, at))
    at = np.asarray(points, model.inputs[0].dtype)
    return np.asarray(keras.ops.convert_to_numpy(computed(at)), float)
