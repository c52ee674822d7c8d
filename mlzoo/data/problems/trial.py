"""Functions that hold conditions by construction: u = g + d N, whatever a network N gives.

Lagaris, Likas and Fotiadis, "Artificial neural networks for solving ordinary and partial
differential equations" (1998). The function g takes the values that conditions on faces give, by
linear interpolation between opposite faces, one coordinate after the other (the Boolean sum of
Coons); d is 0 on these faces and 1 about the middle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlzoo.core.expressions import Node, evaluate
from mlzoo.data.problems.corners import rim_factor
from mlzoo.data.problems.points import on_boundary
from mlzoo.data.problems.problem import Condition, Face, Problem, Rim

_HOLDS = 1e-9


@dataclass(frozen=True)
class TrialFunction:
    """Function of which an unknown is made: extension + factor * network.

    Attributes:
        extension: takes the values of the conditions that are held.
        factor: 0 where they hold.
        held: positions of the conditions that hold by construction.
    """

    extension: Node
    factor: Node
    held: tuple[int, ...]


@dataclass(frozen=True)
class _Given:
    """A condition that gives the value of an unknown, or of its slope, on a face."""

    place: int
    end: float
    order: int
    value: Node


def trial_functions(problem: Problem) -> tuple[TrialFunction, ...]:
    """Return the trial function of each unknown; one that holds nothing is the network itself."""
    return tuple(_trial(problem, which) for which in range(len(problem.unknowns)))


def soft_part(problem: Problem, trials: Iterable[TrialFunction]) -> Problem:
    """Return a problem without the conditions that trial functions hold."""
    held = {place for trial in trials for place in trial.held}
    kept = [c for place, c in enumerate(problem.conditions) if place not in held]
    return replace(problem, conditions=tuple(kept))


def _trial(problem: Problem, which: int) -> TrialFunction:
    """Return the trial function of an unknown."""
    trial = TrialFunction(_number(0.0), _number(1.0), ())
    places = range(len(problem.coordinates))
    # Coordinates with a slope, such as the time of a wave, come first: g is plain there.
    slopes = {c: _given(problem, which, c) for c in places}
    order = sorted(
        places, key=lambda c: -max((each.order for each in slopes[c].values()), default=0)
    )
    for number, coordinate in enumerate(order):
        given = {at: each for at, each in slopes[coordinate].items() if not (each.order and number)}
        extended = _extended(problem, trial, coordinate, given)
        if all(_holds(problem, which, extended, place) for place in extended.held):
            trial = extended
    return _with_rims(problem, which, trial)


def _with_rims(problem: Problem, which: int, trial: TrialFunction) -> TrialFunction:
    """Return a trial function that also holds the values on rims which it takes already.

    Its factor is 0 on a disc's rim, and where a polygon bounds the domain by the two edges of one
    corner, whose singular function is 0 there and positive within the domain.
    """
    for place, condition in enumerate(problem.conditions):
        value, where = _explicit(problem, condition), condition.where
        if not isinstance(where, Rim) or value is None or place in trial.held:
            continue
        if set(problem.used(condition.equation).values()) != {(which, ())}:
            continue
        rim = rim_factor(problem, where)
        if rim is not None and _takes(problem, condition, trial.extension, value):
            factor = _apply("*", trial.factor, rim)
            trial = TrialFunction(trial.extension, factor, (*trial.held, place))
    return trial


def _given(problem: Problem, which: int, coordinate: int) -> dict[int, _Given]:
    """Return the conditions on an unknown's value, or slope, at the ends of a coordinate.

    A slope is taken only at the lower end and where the value is given there too.
    """
    slope = (which, (coordinate,))
    given: dict[int, _Given] = {}
    for at, condition in enumerate(problem.conditions):
        if not isinstance(condition.where, Face) or condition.where.coordinate != coordinate:
            continue
        value = _explicit(problem, condition)
        word = next(iter(problem.used(condition.equation).values()), None)
        if value is not None and word in ((which, ()), slope):
            order = int(word == slope)
            given[at] = _Given(coordinate, condition.where.value, order, value)
    low = problem.box[coordinate][0]
    values = {each.end for each in given.values() if not each.order}
    return {
        at: each
        for at, each in given.items()
        if not each.order or (each.end == low and low in values)
    }


def _explicit(problem: Problem, condition: Condition) -> Node | None:
    """Return the value that a condition `u = value` gives; None for conditions of another form."""
    residual = condition.equation.residual
    if residual.kind == "variable":
        return _number(0.0)
    if residual.kind != "-" or residual.parts[0].kind != "variable":
        return None
    name, value = residual.parts[0].name, residual.parts[1]
    names = problem.derivatives
    if name not in names or value.variables & {*names, *problem.fitted}:
        return None
    return value


def _extended(
    problem: Problem, trial: TrialFunction, coordinate: int, given: Mapping[int, _Given]
) -> TrialFunction:
    """Return a trial function that holds the conditions at the ends of one more coordinate."""
    if not given:
        return trial
    low, high = problem.box[coordinate]
    x = Node("variable", name=problem.coordinates[coordinate])
    away = _apply("-", x, _number(low))
    share = _apply("/", away, _number(high - low))
    rest = _apply("-", _number(1.0), share)
    extension, factor = trial.extension, trial.factor
    values = {(each.end, each.order): _at(each.value, x.name, each.end) for each in given.values()}
    both = (low, 0) in values and (high, 0) in values
    for (end, order), value in values.items():
        if order:
            extension = _apply("+", extension, _apply("*", away, value))
            factor = _apply("*", factor, share)
            continue
        missing = _apply("-", value, _at(trial.extension, x.name, end))
        weight = (rest if end == low else share) if both else _number(1.0)
        extension = _apply("+", extension, _apply("*", weight, missing))
        factor = _apply("*", factor, share if end == low else rest)
    if both:
        factor = _apply("*", _number(4.0), factor)
    return TrialFunction(extension, factor, (*trial.held, *given))


def _holds(problem: Problem, which: int, trial: TrialFunction, place: int) -> bool:
    """Return whether a trial function takes the value of a condition, at corners too.

    Values of conditions that differ where faces meet can't all be taken.
    """
    condition = problem.conditions[place]
    value = _explicit(problem, condition)
    assert isinstance(condition.where, Face) and value is not None
    if problem.used(condition.equation).get(problem.unknowns[which]) is not None:
        return _takes(problem, condition, trial.extension, value)
    points = on_boundary(problem, condition.where, np.random.default_rng(0), 50)
    coordinate = condition.where.coordinate
    values = problem.values(points)
    step = 1e-5 * (problem.box[coordinate][1] - problem.box[coordinate][0])
    name = problem.coordinates[coordinate]
    shifted = {**values, name: values[name] + step}
    slope = (_value(trial.extension, shifted) - _value(trial.extension, values)) / step
    return bool(np.abs(slope - _value(value, values)).max() < 1e-3)


def _takes(problem: Problem, condition: Condition, extension: Node, value: Node) -> bool:
    """Return whether an extension has the value of a condition where that stands."""
    points = on_boundary(problem, condition.where, np.random.default_rng(0), 50)
    values = problem.values(points)
    apart = np.abs(_value(extension, values) - _value(value, values)).max()
    return bool(apart < _HOLDS * (1 + np.abs(_value(value, values)).max()))


def _value(node: Node, values: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(evaluate(node, values, np), float)


def _at(node: Node, name: str, value: float) -> Node:
    """Return an expression with a number in place of a variable."""
    if node.kind == "variable" and node.name == name:
        return _number(value)
    return replace(node, parts=tuple(_at(part, name, value) for part in node.parts))


def _apply(kind: str, left: Node, right: Node) -> Node:
    """Return an operation, left out where it does nothing."""
    zero, one = _number(0.0), _number(1.0)
    if kind in "+-" and right == zero:
        return left
    if kind == "+" and left == zero:
        return right
    if kind == "*" and zero in (left, right):
        return zero
    if kind in "*/" and right == one:
        return left
    if kind == "*" and left == one:
        return right
    return Node(kind, (left, right))


def _number(value: float) -> Node:
    return Node("number", value=float(value))
