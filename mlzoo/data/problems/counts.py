"""Check that a problem has as many equations and conditions as a solution needs."""

from __future__ import annotations

from mlzoo.data.problems.domains import bounds, hole_names
from mlzoo.data.problems.problem import Face, Problem, Rim


def count_mistakes(problem: Problem) -> list[tuple[str, str]]:
    """Return what is too few or too many, as (entry of the file, message).

    Each unknown needs as many conditions along a coordinate as the equations' order in it. Systems
    of partial equations are not checked for that: of a pressure, say, only the gradient matters.
    Nor are equations with known functions: a surrogate learns from solutions beside.
    """
    count = len(problem.unknowns)
    if len(problem.equations) != count:
        needs = f"{count} unknowns need {count} equations"
        if count == 1:
            needs = "1 unknown needs 1 equation"
        return [("equations", f"{needs}, but {len(problem.equations)} are given")]
    if problem.known or (count > 1 and len(problem.coordinates) > 1):
        return []
    messages = [
        _along(problem, which, place)
        for which in range(count)
        for place in range(len(problem.coordinates))
        if place not in problem.periodic
    ]
    messages += [_around(problem, name, where) for name, where in hole_names(problem.holes).items()]
    return [("conditions", message) for message in messages if message]


def _around(problem: Problem, name: str, where: Rim) -> str:
    """Return that nothing is said of the solution on the rim of a hole, where that is needed."""
    order = max(problem.order(0, 0), problem.order(0, 1))
    given = sum(condition.where == where for condition in problem.conditions)
    needed = order // 2
    if given >= needed or not bounds(problem, where):
        return ""
    example = f"{{where: {name!r}, equation: {problem.unknowns[0]} = 0}}"
    return f"the rim of {name} needs {needed}, not {given}; add one, as in {example}"


def _along(problem: Problem, unknown: int, coordinate: int) -> str:
    """Return what is wrong with the conditions on an unknown at the ends of a coordinate."""
    order = problem.order(unknown, coordinate)
    given = sum(
        condition.coordinate == coordinate
        and any(which == unknown for which, _ in problem.used(condition.equation).values())
        for condition in problem.conditions
    )
    ends = [Face(coordinate, end) for end in problem.box[coordinate]]
    if given == order or (problem.holes and not all(bounds(problem, end) for end in ends)):
        return ""
    name, (low, high) = problem.coordinates[coordinate], problem.box[coordinate]
    cure = "take out what follows from the others"
    if given < order:
        cure = f"add one where {name} = {low:g} or {name} = {high:g}"
    return (
        f"conditions on {problem.unknowns[unknown]} where {name} ends: the order in {name} is "
        f"{order}, so {order} must be given, not {given}; {cure}"
    )
