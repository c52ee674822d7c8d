"""A problem: equations for unknown functions of coordinates, with conditions on a domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from mlzoo.core.expressions import Node, evaluate
from mlzoo.data.problems.measurements import Measurements
from mlzoo.data.problems.shapes import Hole

HIGHEST_ORDER = 4
Derivative = tuple[int, tuple[int, ...]]
"""Position of an unknown, and those of the coordinates by which it is differentiated, ascending."""


@dataclass(frozen=True)
class Equation:
    """An equation as its residual, the left side minus the right one.

    Attributes:
        text: as it was typed.
        residual: zero where the equation holds.
    """

    text: str
    residual: Node


@dataclass(frozen=True)
class Face:
    """Where a coordinate has the value of one of its ends.

    Attributes:
        coordinate: position of the coordinate.
        value: lower or upper end of its interval.
    """

    coordinate: int
    value: float


@dataclass(frozen=True)
class Rim:
    """The rim of a hole.

    Attributes:
        hole: position of the hole.
    """

    hole: int


@dataclass(frozen=True)
class Condition:
    """Equation that holds on a part of the boundary.

    Attributes:
        where: the part.
        equation: the equation.
    """

    where: Face | Rim
    equation: Equation

    @property
    def coordinate(self) -> int | None:
        """Return the position of the coordinate whose end it is for; None on a rim."""
        return self.where.coordinate if isinstance(self.where, Face) else None

    @property
    def value(self) -> float | None:
        """Return the end of the coordinate's interval; None on a rim."""
        return self.where.value if isinstance(self.where, Face) else None


@dataclass(frozen=True)
class Problem:
    """Differential equations with conditions.

    Attributes:
        unknowns: names of the functions that are looked for.
        coordinates: names of what they depend on, a letter each.
        box: from and to of each coordinate, then of each parameter that is an input.
        parameters: numbers that equations name.
        equations: one an unknown, within the box.
        conditions: on its faces and on the rims of its holes.
        exact: the solution, an expression an unknown; empty where it is not known.
        holes: what is cut out of the box, in the plane of the first two coordinates.
        periodic: positions of the coordinates along which the solution repeats itself.
        fitted: parameters that are fitted to measurements, with the intervals that they lie in.
        ranges: names of the parameters that are inputs of the network.
        measurements: of the unknowns.
        reference: values of the solution that it is only scored against.
        known: names of functions that are given, the input channels of a surrogate.
        features: further inputs of a network, expressions of the inputs.
        text: of the file that it was read from.
    """

    unknowns: tuple[str, ...]
    coordinates: tuple[str, ...]
    box: tuple[tuple[float, float], ...]
    parameters: Mapping[str, float]
    equations: tuple[Equation, ...]
    conditions: tuple[Condition, ...]
    exact: tuple[Node, ...] = ()
    holes: tuple[Hole, ...] = ()
    periodic: tuple[int, ...] = ()
    fitted: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ranges: tuple[str, ...] = ()
    measurements: Measurements | None = None
    reference: Measurements | None = None
    known: tuple[str, ...] = ()
    features: tuple[Node, ...] = ()
    text: str = ""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the names of what the solution is a function of."""
        return (*self.coordinates, *self.ranges)

    @property
    def time(self) -> int | None:
        """Return the position of the coordinate whose conditions all stand at its start, if any."""
        for place in range(len(self.coordinates)):
            ends = {c.value for c in self.conditions if c.coordinate == place}
            if ends == {self.box[place][0]} and place not in self.periodic:
                return place
        return None

    @property
    def derivatives(self) -> dict[str, Derivative]:
        """Return every name of an unknown, of a known function or of a derivative of these."""
        return names_of_derivatives((*self.unknowns, *self.known), self.coordinates)

    def used(self, equation: Equation) -> dict[str, Derivative]:
        """Return the unknowns and derivatives that an equation names."""
        known = self.derivatives
        return {name: known[name] for name in sorted(equation.residual.variables & set(known))}

    def order(self, unknown: int, coordinate: int) -> int:
        """Return the highest order of an unknown's derivatives by a coordinate."""
        words = (self.used(equation).values() for equation in self.equations)
        orders = (w.count(coordinate) for used in words for which, w in used if which == unknown)
        return max(orders, default=0)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return how deep within a hole points (n, inputs) are; below 0 in the domain."""
        depths = [hole.depth(points[:, :2]) for hole in self.holes]
        return np.max([np.full(len(points), -np.inf), *depths], axis=0)

    def on(self, where: Face | Rim, points: np.ndarray) -> np.ndarray:
        """Return which points of a face or a rim bound the domain.

        The others are covered by holes, or lie out of the box.

        Args:
            where: the face or rim that the points lie on.
            points: (n, inputs).
        """
        low, high = np.array(self.box).T
        margin = 1e-9 * (high - low).max()
        if isinstance(where, Face):
            return self.depth(points) < -margin
        others = [hole for place, hole in enumerate(self.holes) if place != where.hole]
        inside = ((points > low + margin) & (points < high - margin))[:, :2].all(axis=1)
        for hole in others:
            inside &= hole.depth(points[:, :2]) < -margin
        return np.asarray(inside)

    def values(self, points: Any) -> dict[str, Any]:
        """Return inputs (n,) at points (n, inputs), and the parameters."""
        columns = {name: points[:, place] for place, name in enumerate(self.inputs)}
        return {**columns, **self.parameters}

    def solution(self, points: np.ndarray) -> np.ndarray:
        """Return the exact solution (n, unknowns) at points (n, inputs)."""
        values = self.values(np.asarray(points, float))
        columns = [evaluate(node, values, np) for node in self.exact]
        return np.stack([np.broadcast_to(column, len(points)) for column in columns], axis=-1)


def names_of_derivatives(
    unknowns: Sequence[str], coordinates: Sequence[str]
) -> dict[str, Derivative]:
    """Return names such as u, u_x and u_xt; the order of the letters does not matter."""
    places = range(len(coordinates))
    by_name: dict[str, Derivative] = {}
    for which, name in enumerate(unknowns):
        by_name[name] = (which, ())
        for order in range(1, HIGHEST_ORDER + 1):
            for word in combinations_with_replacement(places, order):
                for letters in {"".join(coordinates[i] for i in each) for each in _orders(word)}:
                    by_name[f"{name}_{letters}"] = (which, word)
    return by_name


def _orders(word: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Return the distinct orders of a word's letters."""
    if len(word) < 2:
        return {word}
    return {
        (letter, *rest)
        for place, letter in enumerate(word)
        for rest in _orders((*word[:place], *word[place + 1 :]))
    }
