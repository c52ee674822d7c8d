"""Read the domain of a problem: what is cut out of its box, and the places that conditions name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mlzoo.data.problems.points import on_boundary
from mlzoo.data.problems.problem import Face, Problem, Rim
from mlzoo.data.problems.shapes import Disc, Hole, Polygon

EXAMPLE = "domain: {minus: [{disc: [0.5, 0.5, 0.2]}, {polygon: [[0, 0], [0.5, 0], [0.5, 0.5]]}]}"
TIME = "t"
"""Name of the coordinate whose ends `where: boundary` leaves out."""
Number = Callable[[Any], float | None]
"""From an entry to its number; None where it is none."""


def read_holes(domain: Any, coordinates: int, number: Number) -> Iterator[Hole | str]:
    """Return the holes of the entry `domain`, and what is wrong with others.

    Args:
        domain: the entry.
        coordinates: of the problem.
        number: reads numbers.
    """
    if not isinstance(domain, dict) or set(domain) != {"minus"}:
        yield f"a domain is what the box is without, as in {EXAMPLE} (got {domain!r})"
        return
    if coordinates < 2:
        yield "holes need two coordinates; take out domain, or shorten the interval"
        return
    entries = domain["minus"]
    for entry in entries if isinstance(entries, list) else [entries]:
        yield _hole(entry, number)


def _hole(entry: Any, number: Number) -> Hole | str:
    """Return a disc or a polygon, or what is wrong with it."""
    [(kind, given)] = entry.items() if isinstance(entry, dict) and len(entry) == 1 else [("", None)]
    if kind == "disc" and isinstance(given, list):
        values = [number(each) for each in given]
        if len(values) == 3 and None not in values and (values[2] or 0) > 0:
            x, y, radius = (float(value or 0) for value in values)
            return Disc((x, y), radius)
        return f"a disc has x, y and a radius above 0, as in [0.5, 0.5, 0.2] (got {given!r})"
    if kind == "polygon" and isinstance(given, list):
        corners = [[number(each) for each in c] if isinstance(c, list) else [] for c in given]
        if len(corners) >= 3 and all(len(c) == 2 and None not in c for c in corners):
            pairs = tuple((float(x or 0), float(y or 0)) for x, y in corners)
            if _area(pairs):
                return Polygon(pairs)
        return (
            "a polygon has three corners or more that enclose an area, as in [[0, 0], [0.5, 0], "
            f"[0.5, 0.5]] (got {given!r})"
        )
    return f"a hole is a disc or a polygon, as in {EXAMPLE} (got {entry!r})"


def _area(corners: tuple[tuple[float, float], ...]) -> float:
    x, y = np.array(corners).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def hole_mistakes(problem: Problem) -> list[str]:
    """Return what is wrong with the holes of a problem: out of its box, or all of it."""
    low, high = np.array(problem.box).T
    rng = np.random.default_rng(0)
    points = rng.uniform(low, high, (2000, len(low)))
    if not (problem.depth(points) < 0).any():
        return ["the holes leave nothing of the domain; make them smaller"]
    mistakes = []
    for name, where in hole_names(problem.holes).items():
        corners = problem.holes[where.hole].rim(rng, 1000)
        if not ((corners > low[:2]) & (corners < high[:2])).all(axis=1).any():
            mistakes.append(f"the rim of {name} lies out of the box; move it, or take it out")
    return mistakes


def hole_names(holes: tuple[Hole, ...]) -> dict[str, Rim]:
    """Return the rims of holes by the names that conditions give them: `disc 1`, `polygon 1`."""
    names: dict[str, Rim] = {}
    for place, hole in enumerate(holes):
        number = sum(each.kind == hole.kind for each in holes[: place + 1])
        names[f"{hole.kind} {number}"] = Rim(place)
    return names


def boundary(problem: Problem) -> list[Face | Rim]:
    """Return all faces and rims that bound the domain, without the start and the end of time."""
    faces = [
        Face(place, end)
        for place, (name, ends) in enumerate(zip(problem.coordinates, problem.box, strict=False))
        for end in ends
        if name != TIME and place not in problem.periodic
    ]
    places: list[Face | Rim] = [*faces, *hole_names(problem.holes).values()]
    return [where for where in places if bounds(problem, where)]


def bounds(problem: Problem, where: Face | Rim) -> bool:
    """Return whether a face or a rim bounds the domain, at least in part."""
    try:
        on_boundary(problem, where, np.random.default_rng(0), 20)
    except ValueError:
        return False
    return True


def outside(problem: Problem, where: Face | Rim, text: str) -> str:
    """Return what is wrong with a condition's place; "" where it bounds the domain.

    Args:
        problem: its box, holes and periodic coordinates.
        where: the place.
        text: as it was typed.
    """
    if isinstance(where, Face) and where.coordinate in problem.periodic:
        name = problem.coordinates[where.coordinate]
        return f"the solution is periodic in {name}, so it has no ends there; take this out"
    if bounds(problem, where):
        return ""
    places = ", ".join(_texts(problem))
    return f"{text!r} lies outside of the domain, in a hole or out of the box; choose of {places}"


def _texts(problem: Problem) -> Mapping[str, Face | Rim]:
    """Return the places that bound the domain by what conditions call them."""
    rims = {where: name for name, where in hole_names(problem.holes).items()}
    return {
        f"{problem.coordinates[where.coordinate]} = {where.value:g}"
        if isinstance(where, Face)
        else rims[where]: where
        for where in boundary(problem)
    }
