"""Functions of two numbers, with exact gradients and Hessians by sympy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy
from scipy.ndimage import minimum_filter
from scipy.optimize import minimize

from mlzoo.checking.functions.named import FUNCTIONS
from mlzoo.core.expressions import Node
from mlzoo.core.expressions import parse as parse_expression

_X, _Y = sympy.symbols("x y", real=True)
_GRID = 101
"""Points a side of the grid whose valleys the search for an expression's minima starts from."""
_STARTS = 24
"""Most starts of that search."""
Evaluated = Callable[[np.ndarray], np.ndarray]
"""From points (n, 2) to values (n,)."""


@dataclass(frozen=True)
class Function:
    """A function of two numbers, evaluated in float64.

    `view` is the square that is shown, from and to in both directions; `start` where paths begin;
    `minima` and `circles` are the global minima as in `named.Named`.
    """

    name: str
    text: str
    expression: Any
    view: tuple[float, float]
    start: tuple[float, float]
    known: tuple[tuple[float, float], ...] | None = None
    circles: tuple[float, ...] = ()

    @cached_property
    def _value(self) -> Evaluated:
        return _evaluator(self.expression)

    @cached_property
    def _gradients(self) -> list[Evaluated]:
        return [_evaluator(sympy.diff(self.expression, variable)) for variable in (_X, _Y)]

    @cached_property
    def _seconds(self) -> list[Evaluated]:
        first = [sympy.diff(self.expression, variable) for variable in (_X, _Y)]
        return [_evaluator(sympy.diff(g, variable)) for g in first for variable in (_X, _Y)]

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return values (n,) at points (n, 2); NaN or infinite where the function is."""
        return self._value(points)

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return gradients (n, 2) at points (n, 2).

        Where the function is finite but has no gradient (the tip of a cone) a 0 stands, which is
        one of its subgradients there.
        """
        gradients = np.stack([part(points) for part in self._gradients], axis=-1)
        tip = np.isnan(gradients) & np.isfinite(self.value(points))[:, None]
        return np.where(tip, 0.0, gradients)

    def hessian(self, point: np.ndarray) -> np.ndarray:
        """Return the matrix (2, 2) of second derivatives at a point (2,); NaN if there are none."""
        return self.hessians(point[None])[0]

    def hessians(self, points: np.ndarray) -> np.ndarray:
        """Return the matrices (n, 2, 2) of second derivatives at points (n, 2)."""
        return np.stack([part(points) for part in self._seconds], axis=-1).reshape(-1, 2, 2)

    @cached_property
    def minima(self) -> np.ndarray:
        """Return the global minima (n, 2); none if the function is unbounded below.

        Those of an expression are the lowest that L-BFGS finds from the valleys of a grid.
        """
        known = self._searched() if self.known is None else self.known
        return np.array(known, float).reshape(-1, 2)

    def distance(self, points: np.ndarray) -> np.ndarray | None:
        """Return distances of points (n, 2) to the nearest global minimum; None without one."""
        if self.circles:
            radius = np.hypot(*points.T)
            return np.abs(radius[:, None] - np.array(self.circles)).min(axis=1)
        if not len(self.minima):
            return None
        apart = points[:, None] - self.minima
        return np.hypot(apart[..., 0], apart[..., 1]).min(axis=1)

    def _searched(self) -> Sequence[tuple[float, float]]:
        low, high = self.view
        candidates = []
        for start in self._valleys():
            result = minimize(
                lambda p: float(np.nan_to_num(self.value(p[None])[0], nan=1e300, posinf=1e300)),
                start,
                jac=lambda p: np.nan_to_num(self.gradient(p[None])[0]),
                method="L-BFGS-B",
                bounds=[self.view] * 2,
                options={"ftol": 1e-15, "gtol": 1e-10},
            )
            if np.isfinite(result.fun) and (result.x > low).all() and (result.x < high).all():
                candidates.append((float(result.fun), (float(result.x[0]), float(result.x[1]))))
        edge = np.concatenate([self.value(np.stack(pair, -1)) for pair in self._edges()])
        lowest = min((value for value, _ in candidates), default=np.inf)
        if not candidates or lowest > np.nanmin(edge) + 1e-9:
            return ()  # It falls towards outside.
        chosen: list[tuple[float, float]] = []
        near = 0.02 * (high - low)
        for value, point in sorted(candidates):
            apart = all(np.hypot(point[0] - a, point[1] - b) > near for a, b in chosen)
            if value <= lowest + 1e-9 * max(1.0, abs(lowest)) and apart:
                chosen.append(point)
        return chosen

    def _valleys(self) -> np.ndarray:
        """Return the grid points (n, 2) that lie no higher than their neighbors, the lowest first.

        At most `_STARTS` of them: a plateau has as many as it has points.
        """
        side = np.linspace(*self.view, _GRID)
        points = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
        values = np.nan_to_num(self.value(points), nan=np.inf, neginf=-1e300).reshape(_GRID, _GRID)
        valleys = np.flatnonzero(values <= minimum_filter(values, size=3))
        return points[valleys[np.argsort(values.ravel()[valleys], kind="stable")][:_STARTS]]

    def _edges(self) -> list[tuple[np.ndarray, np.ndarray]]:
        side = np.linspace(*self.view, 101)
        ends = [np.full(101, end) for end in self.view]
        return [(side, ends[0]), (side, ends[1]), (ends[0], side), (ends[1], side)]


def make(subject: str, view: tuple[float, float] | None = None) -> Function:
    """Return the function of a name, or of a typed expression.

    Raises:
        UsageError: it is neither.
    """
    named = FUNCTIONS.get(subject)
    if named is None:
        expression = _build(parse_expression(subject))
        return Function(subject, subject, expression, view or (-5.0, 5.0), (1.0, 1.0))
    expression = _build(parse_expression(named.text))
    return Function(
        subject,
        named.text,
        expression,
        view or named.view,
        named.start,
        named.minima,
        named.circles,
    )


def from_node(name: str, node: Node, view: tuple[float, float]) -> Function:
    """Return a syntax tree as a function.

    Args:
        name: what it is called.
        node: from `expressions.parse`.
        view: the square that is shown.
    """
    return Function(name, name, _build(node), view, (0.0, 0.0))


def _build(node: Node) -> Any:
    """Return the sympy expression of a syntax tree; sympy never parses the text."""
    if node.kind == "number":
        whole = node.value.is_integer() and abs(node.value) < 1e15
        return sympy.Integer(int(node.value)) if whole else sympy.Float(node.value)
    if node.kind == "variable":
        return {"x": _X, "y": _Y}[node.name]
    parts = [_build(part) for part in node.parts]
    if node.kind == "function":
        return getattr(sympy, {"abs": "Abs"}.get(node.name, node.name))(*parts)
    left, right = parts
    if node.kind == "^" and right == sympy.Rational(1, 2):
        return sympy.sqrt(left)
    made: dict[str, Callable[[], Any]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "^": lambda: left**right,
    }
    return made[node.kind]()


_NUMPY: dict[str, Callable[..., Any]] = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "exp": np.exp,
    "log": np.log, "Abs": np.abs, "sign": np.sign, "Pow": np.power,
    "DiracDelta": np.zeros_like,
}  # fmt: skip
"""sympy's functions in NumPy. Abs's second derivative is taken as 0, as it is but at its kink."""


def _evaluator(expression: Any) -> Evaluated:
    """Return a function from points (n, 2) to an expression's values; no code is generated."""
    inner = _closure(expression)

    def values(points: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            result = inner(points[:, 0], points[:, 1])
        return np.broadcast_to(np.asarray(result, float), points.shape[:1]).copy()

    return values


def _closure(part: Any) -> Callable[[np.ndarray, np.ndarray], Any]:
    if part == _X:
        return lambda x, y: x
    if part == _Y:
        return lambda x, y: y
    if part.is_number:
        number = np.float64(float(part) if part.is_real else np.nan)
        return lambda x, y: number
    inner = [_closure(each) for each in part.args]
    if part.is_Add:
        return lambda x, y: reduce(np.add, [each(x, y) for each in inner])
    if part.is_Mul:
        return lambda x, y: reduce(np.multiply, [each(x, y) for each in inner])
    if part.is_Pow and part.exp == sympy.Rational(1, 2):
        return lambda x, y: np.sqrt(inner[0](x, y))
    apply = _NUMPY[type(part).__name__]
    return lambda x, y: apply(*[each(x, y) for each in inner])
