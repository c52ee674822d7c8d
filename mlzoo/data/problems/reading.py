"""Read a problem from YAML; every mistake is told with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml

from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.expressions import CONSTANTS, FUNCTIONS, Node, parse
from mlzoo.core.files import expand, refuse_special
from mlzoo.core.messages import series
from mlzoo.core.registry import unknown
from mlzoo.data.problems.counts import count_mistakes
from mlzoo.data.problems.domains import boundary, hole_mistakes, hole_names, outside, read_holes
from mlzoo.data.problems.grammar import Grammar
from mlzoo.data.problems.measurements import Measurements, read_measurements
from mlzoo.data.problems.parameters import Parameters
from mlzoo.data.problems.points import finite, repeats, sloped
from mlzoo.data.problems.problem import Condition, Face, Problem, Rim
from mlzoo.data.problems.shapes import Hole

_KEYS = (
    *("unknowns", "coordinates", "domain", "periodic", "parameters", "equations", "conditions"),
    *("exact", "reference", "data", "features", "known"),
)
_NEEDED = ("unknowns", "coordinates", "equations", "conditions")
_MOST_COORDINATES = 4
_MOST_BYTES = 100_000
_Path = tuple[str | int, ...]
_Parsed = TypeVar("_Parsed")


def read_problem(path: Path) -> Problem:
    """Return the problem of a file.

    Raises:
        DataError: it is no problem; every mistake is named with its line.
    """
    refuse_special(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} has more than {_MOST_BYTES:,} bytes, so it is no problem file")
        text = path.read_text(encoding="utf-8-sig")
        return parse_problem(text, str(path), path.absolute().parent)
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text in UTF-8") from None


def parse_problem(text: str, name: str, folder: Path | None = Path()) -> Problem:
    """Return the problem of a text.

    Args:
        text: YAML.
        name: of its file, for messages.
        folder: that the path of its measurements starts from; None: they are not read.
    """
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise DataError(f"{name}: write values out; aliases are not read")
        content = yaml.safe_load(text)
        lines = _lines(yaml.compose(text, Loader=yaml.SafeLoader), ())
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{name} is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise DataError(f"{name} is no problem: it must have {series(_NEEDED, 'and')}")
    reader = _ProblemReader(content, lines, folder, text)
    problem = reader.read()
    if problem is None or reader.problems:
        raise DataError("\n".join(f"{name}, line {n}: {what}" for n, what in reader.problems))
    return problem


def _lines(node: Any, path: _Path) -> dict[_Path, int]:
    """Return the line of each entry, from 1, by its path of keys and positions."""
    line_of: dict[_Path, int] = {path: node.start_mark.line + 1 if node is not None else 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line_of |= _lines(value, (*path, str(key.value)))
            line_of[(*path, str(key.value))] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            line_of |= _lines(value, (*path, place))
    return line_of


class _ProblemReader:
    """Checks the parts of a problem in their order, and collects mistakes as (line, message)."""

    def __init__(
        self, content: dict[Any, Any], lines: Mapping[_Path, int], folder: Path | None, text: str
    ) -> None:
        self.content, self.lines, self.folder, self.text = content, lines, folder, text
        self.problems: list[tuple[int, str]] = []
        self.box: dict[str, tuple[float, float]] = {}
        self.parameters = Parameters({}, {}, {})
        self.grammar = Grammar((), (), ())

    def wrong(self, path: _Path, message: str) -> None:
        while path not in self.lines:
            path = path[:-1]
        self.problems.append((self.lines[path], message))

    def read(self) -> Problem | None:
        for key in self.content:
            if key not in _KEYS:
                self.wrong(
                    (str(key),),
                    f"{unknown('entry', str(key), _KEYS)}; there are {series(_KEYS, 'and')}",
                )
        for key in _NEEDED:
            if not self.content.get(key) and not (key == "conditions" and "known" in self.content):
                self.wrong((), f"{key} is missing; add it, as in {_HINTS[key]}")
        if self.problems:
            return None
        self._names()
        if self.problems:
            return None
        self._check_inputs()
        equations = [
            equation
            for path, text in self._list("equations")
            if (equation := self._parsed(path, text, self.grammar.equation))
        ]
        bare = Problem(
            self.grammar.unknowns,
            tuple(self.box),
            (*self.box.values(), *self.parameters.ranges.values()),
            self.parameters.fixed,
            tuple(equations),
            (),
            self._exact(),
            self._holes(),
            self._periodic(),
            self.parameters.fitted,
            tuple(self.parameters.ranges),
            known=self.grammar.known,
            text=self.text,
        )
        measured, reference = (self._values(key, bare) for key in ("data", "reference"))
        if reference is not None and (bare.exact or len(reference.unknowns) < len(bare.unknowns)):
            message = "give exact or a reference, not both"
            if not bare.exact:
                message = "a reference has a column of every unknown; add those that are missing"
            self.wrong(("reference",), message)
        bare = replace(bare, measurements=measured, reference=reference)
        if not self.problems:
            for message in hole_mistakes(bare):
                self.wrong(("domain",), message)
        if any(self.lines.get(("domain",)) == line for line, _ in self.problems):
            return None
        conditions = [
            each
            for path, entry in self._list("conditions")
            for each in self._condition(path, entry, bare)
        ]
        problem = replace(bare, conditions=tuple(conditions))
        problem = replace(problem, features=self._features(problem))
        if not self.problems:
            for key, message in count_mistakes(problem):
                self.wrong((key,), message)
        return problem

    def _list(self, key: str) -> list[tuple[_Path, Any]]:
        entries = self.content.get(key) or []
        if isinstance(entries, str | dict):
            return [((key,), entries)]
        if not isinstance(entries, list):
            self.wrong((key,), f"{key} is a list, as in {_HINTS[key]} (got {entries!r})")
            return []
        return [((key, place), entry) for place, entry in enumerate(entries)]

    # -- Names

    def _names(self) -> None:
        unknowns = self.content["unknowns"]
        names = unknowns if isinstance(unknowns, list) else [unknowns]
        for place, name in enumerate(names):
            self._check_name(("unknowns", place), name, "unknown", r"[A-Za-z][A-Za-z0-9]*")
        given = self.content.get("known") or []
        known = tuple(given) if isinstance(given, list) else (given,)
        for place, name in enumerate(known):
            self._check_name(("known", place), name, "known function", r"[A-Za-z][A-Za-z0-9]*")
        coordinates = self.content["coordinates"]
        if not isinstance(coordinates, dict) or len(coordinates) > _MOST_COORDINATES:
            message = f"coordinates are 1 to {_MOST_COORDINATES} letters with their intervals"
            self.wrong(("coordinates",), f"{message}, {_got('coordinates', coordinates)}")
            return
        for name, ends in coordinates.items():
            path = ("coordinates", str(name))
            # A letter each, so that u_xt is read in one way.
            self._check_name(path, name, "coordinate", r"[A-Za-z]")
            given = [self._number(path, end) for end in ends] if isinstance(ends, list) else []
            numbers = [number for number in given if number is not None]
            if not len(numbers) == len(given) == 2 or not numbers[0] < numbers[1]:
                self.wrong(
                    path, f"{name} needs two numbers, the lower first, as in [0, 1] (got {ends!r})"
                )
                continue
            self.box[str(name)] = (numbers[0], numbers[1])
        parameters = self.content.get("parameters") or {}
        if not isinstance(parameters, dict):
            self.wrong(
                ("parameters",),
                f"parameters are names with numbers, as in {{a: 0.1}} (got {parameters!r})",
            )
            return
        for name, value in parameters.items():
            path = ("parameters", str(name))
            self._check_name(path, name, "parameter", r"[A-Za-z][A-Za-z0-9]*")
            message = self.parameters.add(name, value, partial(self._number, path))
            if message:
                self.wrong(path, message)
        self.grammar = Grammar(
            tuple(map(str, names)),
            tuple(self.box),
            self.parameters.names,
            self.parameters.fitted,
            tuple(map(str, known)),
        )
        taken = [*self.grammar.unknowns, *self.grammar.known, *self.box, *self.parameters.names]
        for name in {name for name in taken if taken.count(name) > 1}:
            self.wrong(("unknowns",), f"{name!r} names two things; give each a name of its own")

    def _check_name(self, path: _Path, name: Any, kind: str, pattern: str) -> None:
        if not isinstance(name, str) or not re.fullmatch(pattern, name):
            form = "one letter" if kind == "coordinate" else "letters and digits, no underscore"
            self.wrong(path, f"{name!r} is no name of a {kind}: use {form}")
        elif name in CONSTANTS or name in FUNCTIONS:
            self.wrong(path, f"{name!r} has a meaning in expressions; choose another name")

    def _number(self, path: _Path, value: Any) -> float | None:
        """Return a number, or what an expression without variables comes to."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value) if abs(value) < 1e100 else None
        if not isinstance(value, str):
            return None
        node = self._parsed(path, value, lambda text: parse(text, (), "2*pi"))
        return node.value if node is not None and node.kind == "number" else None

    def _check_inputs(self) -> None:
        count = len(self.box) + len(self.parameters.ranges)
        if count > _MOST_COORDINATES:
            self.wrong(
                ("parameters",),
                f"coordinates and parameters with a range are {count}, and {_MOST_COORDINATES} is "
                "the most; give a parameter a number",
            )
        if self.parameters.fitted and not self.content.get("data"):
            name = next(iter(self.parameters.fitted))
            self.wrong(
                ("parameters", name),
                f"{name} is fitted to measurements, and there are none; add data: measurements.csv",
            )

    def _values(self, key: str, problem: Problem) -> Measurements | None:
        """Return the values of unknowns in the CSV file that an entry names."""
        data = self.content.get(key)
        if data is None or self.folder is None:
            return None
        try:
            if not isinstance(data, str):
                raise DataError(f"{key} is the path of a CSV file (got {data!r})")
            path = self.folder / expand(data)
            return read_measurements(path, problem.inputs, problem.unknowns)
        except DataError as error:
            self.wrong((key,), str(error))
            return None

    # -- Equations

    def _parsed(self, path: _Path, text: Any, parser: Callable[[str], _Parsed]) -> _Parsed | None:
        """Return what a parser makes of a text; None with its mistake noted."""
        if not isinstance(text, str):
            text = f"{text:g}" if isinstance(text, int | float) else repr(text)
        try:
            return parser(text)
        except UsageError as error:
            self.wrong(path, str(error))
            return None

    def _holes(self) -> tuple[Hole, ...]:
        holes: list[Hole] = []
        if (domain := self.content.get("domain")) is not None:
            path = ("domain", "minus")
            for place, hole in enumerate(
                read_holes(domain, len(self.box), lambda value: self._number(path, value))
            ):
                if isinstance(hole, str):
                    self.wrong((*path, place), hole)
                else:
                    holes.append(hole)
        return tuple(holes)

    def _periodic(self) -> tuple[int, ...]:
        given = self.content.get("periodic") or []
        names = given if isinstance(given, list) else [given]
        if other := [name for name in names if name not in self.box]:
            known = ", ".join(self.box)
            self.wrong(("periodic",), f"{other[0]!r} is no coordinate; there are {known}")
            return ()
        return tuple(place for place, name in enumerate(self.box) if name in names)

    def _condition(self, path: _Path, entry: Any, problem: Problem) -> list[Condition]:
        if not isinstance(entry, dict) or set(entry) != {"where", "equation"}:
            self.wrong(
                path,
                f"a condition has where and equation, as in {_HINTS['conditions']} (got {entry!r})",
            )
            return []
        equation = self._parsed((*path, "equation"), entry["equation"], self.grammar.equation)
        places = self._places((*path, "where"), entry["where"], problem)
        return [] if equation is None else [Condition(where, equation) for where in places]

    def _places(self, path: _Path, where: Any, problem: Problem) -> list[Face | Rim]:
        """Return the faces of the box and the rims of holes that a text names."""
        if where == "boundary":
            return boundary(problem)
        rims = hole_names(problem.holes)
        place = rims.get(str(where)) or self._face(path, where, (*rims, "boundary"))
        if place is None:
            return []
        if not self.problems and (message := outside(problem, place, where)):
            self.wrong(path, message)
        return [place]

    def _face(self, path: _Path, where: Any, others: tuple[str, ...]) -> Face | None:
        """Return the face of the box that a text such as `x = 0` names."""
        places = dict(zip(self.box, range(len(self.box)), strict=True))
        name, sign, text = (part.strip() for part in str(where).partition("="))
        if not sign or name not in self.box:
            first, ends = next(iter(self.box.items()))
            message = f"where names an end of a coordinate, as in '{first} = {ends[0]:g}'"
            self.wrong(path, f"{message}, or is {series(others, 'or')} (got {where!r})")
            return None
        value, (low, high) = self._number(path, text), self.box[name]
        for end in (low, high):
            if value is not None and abs(value - end) <= 1e-9 * (high - low):
                return Face(places[name], end)
        if value is not None:
            cure = f"write {name} = {low:g} or {name} = {high:g}"
            self.wrong(path, f"{name} = {value:g} is no end of its interval; {cure}")
        elif text and not self.problems:
            self.wrong(path, f"{text!r} is no number; write {name} = {low:g}")
        return None

    def _features(self, problem: Problem) -> tuple[Node, ...]:
        """Return the expressions of further inputs, which must be finite where points lie."""
        entries = [] if self.content.get("features") is None else self._list("features")
        nodes = []
        for path, text in entries:
            node = self._parsed(path, text, self.grammar.expression)
            if node is not None and not self.problems and not finite(problem, node):
                self.wrong(
                    path,
                    f"{text!r} is not finite everywhere in the domain; write it for all its points",
                )
            elif node is not None and not self.problems and not repeats(problem, node):
                self.wrong(path, f"{text!r} is not periodic, as the solution is; write it so")
            elif node is not None and not self.problems and (where := sloped(problem, node)):
                equation = where.equation.text
                message = f"has an infinite slope where the condition {equation!r} needs a slope"
                self.wrong(path, f"{text!r} {message}; write an expression whose slope is finite")
            elif node is not None:
                nodes.append(node)
        return tuple(nodes)

    def _exact(self) -> tuple[Node, ...]:
        exact = self.content.get("exact")
        if exact is None:
            return ()
        unknowns = self.grammar.unknowns
        if not isinstance(exact, dict) or set(exact) != set(unknowns):
            names = series(unknowns, "and")
            self.wrong(("exact",), f"exact has an expression for each of {names} (got {exact!r})")
            return ()
        nodes = [
            self._parsed(("exact", name), exact[name], self.grammar.expression) for name in unknowns
        ]
        return tuple(node for node in nodes if node is not None)


def _got(key: str, value: Any) -> str:
    return f"as in {_HINTS[key]} (got {value!r})"


_HINTS = {
    "unknowns": "unknowns: [u]",
    "coordinates": "coordinates: {x: [0, 1], t: [0, 1]}",
    "equations": 'equations: ["u_t = 0.1*u_xx"]',
    "features": 'features: ["sin(pi*x)"]',
    "conditions": '- {where: "t = 0", equation: "u = cos(pi*x)"}',
}
