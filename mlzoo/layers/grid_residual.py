"""The residual of differential equations on fields, as a penalty beside the loss of a surrogate.

Li, Zheng, Kovachki et al., "Physics-informed neural operator for learning partial differential
equations" (2021). Derivatives are taken on the grid: spectral ones along periodic coordinates,
finite differences of order 4 along the others, one-sided at the ends. Each residual is divided by
the root of the summed mean squares of its terms, so that weights mean the same for all equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any

import keras
import numpy as np
from keras import ops

from mlzoo.core.errors import UsageError
from mlzoo.core.expressions import Node, evaluate
from mlzoo.data.problems.problem import Equation, Face, Problem
from mlzoo.layers.derivatives.interface import functions

_ACCURACY = 4
_LEAST = 1e-12


def check_grid(problem: Problem, shape: Sequence[int], units: int) -> None:
    """Raise UsageError where a problem is not of fields of a shape.

    Args:
        problem: unknowns are the fields in their order, known functions the first input channels.
        shape: (height, width, channels) of an input; the first coordinate runs along the rows and
            the second along the columns, of fields of one dimension the only one.
        units: fields that are predicted.
    """
    height, width, channels = shape
    axes = 1 if height == 1 else 2
    reasons = []
    if len(problem.unknowns) != units:
        reasons.append(f"it has {len(problem.unknowns)} unknowns, and {units} fields are predicted")
    if len(problem.inputs) != axes:
        reasons.append(f"it has {len(problem.inputs)} coordinates, and fields here have {axes}")
    if len(problem.known) > channels:
        reasons.append(f"it knows {len(problem.known)} functions, and inputs have {channels}")
    if problem.holes or problem.fitted or problem.measurements is not None:
        reasons.append("holes, fitted parameters and measurements are for pinn")
    if problem.features:
        reasons.append("its features are inputs of pinn alone; leave them out")
    orders = [
        word.count(place)
        for each in (*problem.equations, *(c.equation for c in problem.conditions))
        for _, word in problem.used(each).values()
        for place in range(len(problem.coordinates))
    ]
    least = max(orders, default=0) + _ACCURACY + 1
    if any(side < least for side in (height, width)[2 - axes :]):
        reasons.append(f"its derivatives need {least} points a side, and fields are {shape[:2]}")
    if reasons:
        raise UsageError(f"--equation: the problem does not fit the fields: {'; '.join(reasons)}")


def difference_matrix(points: int, ends: tuple[float, float], order: int, periodic: bool) -> Any:
    """Return the matrix (points, points) that takes values on a grid to a derivative.

    Args:
        points: of the grid; periodic ones leave out the upper end.
        ends: of the interval.
        order: of the derivative, at least 1.
        periodic: spectral derivatives; else finite differences of order 4.
    """
    length = ends[1] - ends[0]
    if periodic:
        factor = (2j * np.pi * np.fft.fftfreq(points, length / points)) ** order
        if order % 2 and points % 2 == 0:
            factor[points // 2] = 0  # the sign of the highest frequency is not known
        return np.fft.ifft(factor[:, None] * np.fft.fft(np.eye(points), axis=0), axis=0).real
    size = order + _ACCURACY + (order + 1) % 2
    matrix = np.zeros((points, points))
    for row in range(points):
        first = min(max(row - size // 2, 0), points - size)
        apart = np.arange(first, first + size) - row
        powers = np.vander(apart, size, increasing=True).T.astype(float)
        owed = np.where(np.arange(size) == order, float(factorial(order)), 0.0)
        matrix[row, first : first + size] = np.linalg.solve(powers, owed)
    return matrix / (length / (points - 1)) ** order


class EquationResidual(keras.layers.Layer):
    """Return predicted fields, and in training add the squared residuals of equations to the loss.

    Args:
        problem: equations and conditions, checked by `check_grid`.
        shape: (height, width) of the fields.
        weight: of the sum of the mean squared relative residuals.
    """

    def __init__(
        self, problem: Problem, shape: Sequence[int], weight: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.problem, self.weight = problem, float(weight)
        self.axes = (2,) if shape[0] == 1 else (1, 2)
        self.sides = [shape[axis - 1] for axis in self.axes]
        used = {
            name: place
            for each in (*problem.equations, *(c.equation for c in problem.conditions))
            for name, place in problem.used(each).items()
        }
        self.used = used
        needed = {(c, word.count(c)) for _, word in used.values() for c in word}
        self.matrices = {
            (place, order): difference_matrix(
                self.sides[place], problem.box[place], order, place in problem.periodic
            ).astype("float32")
            for place, order in needed
        }

    def call(self, given: Any, predicted: Any, training: bool | None = None) -> Any:
        """Return the predicted fields (batch, height, width, units), as they are."""
        if training:
            self.add_loss(self.weight * self.penalty(given, predicted))
        return predicted

    def penalty(self, given: Any, predicted: Any) -> Any:
        """Return the sum of the mean squared relative residuals of equations and conditions.

        Args:
            given: inputs (batch, height, width, channels).
            predicted: fields (batch, height, width, units).
        """
        values = self._values(ops.cast(given, "float32"), ops.cast(predicted, "float32"))
        total = 0.0
        for equation in self.problem.equations:
            total = total + self._relative(equation, values, None)
        for condition in self.problem.conditions:
            assert isinstance(condition.where, Face)
            total = total + self._relative(condition.equation, values, condition.where)
        return total

    def _values(self, given: Any, predicted: Any) -> dict[str, Any]:
        """Return all that equations name, of shapes that go with (batch, height, width)."""
        values: dict[str, Any] = {**self.problem.parameters}
        for place, (name, ends) in enumerate(
            zip(self.problem.coordinates, self.problem.box, strict=True)
        ):
            inside = place not in self.problem.periodic
            line = np.linspace(*ends, self.sides[place], endpoint=inside, dtype="float32")
            values[name] = line[None, :, None] if self.axes[place] == 1 else line[None, None]
        count = len(self.problem.unknowns)
        for name, (which, word) in self.used.items():
            field = predicted[..., which] if which < count else given[..., which - count]
            for place in sorted(set(word)):
                matrix = self.matrices[(place, word.count(place))]
                way = "bhw,kh->bkw" if self.axes[place] == 1 else "bhw,kw->bhk"
                field = ops.einsum(way, field, matrix)
            values[name] = field
        return values

    def _relative(self, equation: Equation, values: dict[str, Any], where: Face | None) -> Any:
        """Return the mean squared residual on the grid, or on one of its faces, over its terms'."""
        xp = functions()
        size = 0.0
        for term in _terms(equation.residual):
            size = size + ops.mean(ops.square(evaluate(term, values, xp)))
        residual = evaluate(equation.residual, values, xp)
        if where is not None:
            axis = self.axes[where.coordinate]
            last = self.sides[where.coordinate] - 1
            at = 0 if where.value == self.problem.box[where.coordinate][0] else last
            residual = ops.take(residual, at, axis=axis)
        return ops.mean(ops.square(residual)) / (ops.stop_gradient(size) + _LEAST)

    def compute_output_shape(
        self, given_shape: tuple[int | None, ...], predicted_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Return the shape of the predicted fields."""
        return predicted_shape


def _terms(node: Node) -> list[Node]:
    """Return what is added and subtracted at the top of an expression."""
    if node.kind in "+-":
        return [term for part in node.parts for term in _terms(part)]
    return [node]
