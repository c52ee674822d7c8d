"""Problem files: what is read, what is refused with its line, and the classical solvers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data.problems.points import draw, spread
from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.reading import parse_problem, read_problem
from mlzoo.data.problems.solvers import solve
from mlzoo.sources import problem as source

HEAT = """\
unknowns: [u]
coordinates: {x: [0, 1], t: [0, 1]}
parameters: {a: 0.1}
equations: ["u_t = a*u_xx"]
conditions:
  - {where: "t = 0", equation: "u = cos(pi*x)"}
  - {where: "x = 0", equation: "u_x = 0"}
  - {where: "x = 1", equation: "u_x = 0"}
exact: {u: "exp(-a*pi**2*t)*cos(pi*x)"}
"""


def _changed(old: str, new: str) -> str:
    assert old in HEAT
    return HEAT.replace(old, new, 1)


def _read(text: str) -> Problem:
    return parse_problem(text, "p.yaml")


def test_a_problem_is_read() -> None:
    heat = _read(HEAT)
    assert (heat.unknowns, heat.coordinates) == (("u",), ("x", "t"))
    assert heat.box == ((0.0, 1.0), (0.0, 1.0))
    assert heat.used(heat.equations[0]) == {"u_t": (0, (1,)), "u_xx": (0, (0, 0))}
    assert [(c.coordinate, c.value) for c in heat.conditions] == [(1, 0), (0, 0), (0, 1)]
    assert (heat.order(0, 0), heat.order(0, 1)) == (2, 1)
    points = np.array([[0.25, 0.5]])
    expected = np.exp(-0.1 * np.pi**2 * 0.5) * np.cos(np.pi * 0.25)
    np.testing.assert_allclose(heat.solution(points), [[expected]], rtol=1e-12)


def test_mixed_derivatives_and_expressions_for_numbers() -> None:
    text = _changed("x: [0, 1]", "x: [-pi, 2*pi]").replace('"x = 0"', '"x = -pi"')
    text = text.replace('"x = 1"', '"x = 2*pi"').replace("a*u_xx", "a*u_xx + u_tx*u_xt")
    problem = _read(text)
    assert problem.box[0] == pytest.approx((-np.pi, 2 * np.pi))
    used = problem.used(problem.equations[0])
    assert used["u_tx"] == used["u_xt"] == (0, (0, 1))


def test_boundary_is_every_face() -> None:
    text = """\
unknowns: [u]
coordinates: {x: [0, 1], y: [0, 2]}
equations: ["u_xx + u_yy + u = 0"]
conditions: [{where: boundary, equation: "u = 0"}]
"""
    faces = [(c.coordinate, c.value) for c in _read(text).conditions]
    assert faces == [(0, 0), (0, 1), (1, 0), (1, 2)]


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("a*u_xx", "b*u_xx", 4, "unknown name 'b'; known are u, x, t, a"),
        ("u_t = a", "u_xxxxx = a", 4, "order 5, and 4 is the highest here; make a system"),
        ("u_t = a", "u_y = a", 4, "'y' is no coordinate; there are x, t"),
        ("u_t = a*u_xx", "u_t", 4, "an equation has one '='"),
        ("u_t = a*u_xx", "x = t", 4, "names no unknown"),
        ("u_t = a*u_xx", "__import__('os').system('ls') = 0", 4, "unknown name '__import__'"),
        ("u_t = a*u_xx", "u.real = 0", 4, "'.' is not expected"),
        ("u_t = a*u_xx", "open(x) = u", 4, "unknown name 'open'"),
        ("cos(pi*x)", "u_t*sni(x)", 6, "did you mean 'sin'"),
        ('"t = 0"', '"t = 0.5"', 6, "t = 0.5 is no end of its interval; write t = 0 or t = 1"),
        ('"t = 0"', '"s = 0"', 6, "where names an end of a coordinate"),
        ('  - {where: "x = 1", equation: "u_x = 0"}\n', "", 5, "order in x is 2, so 2 must be"),
        ('"x = 1", equation: "u_x', '"t = 0", equation: "u_x', 5, "take out what follows"),
        ('["u_t = a*u_xx"]', '["u_t = a*u_xx", "u_t = 0"]', 4, "1 unknown needs 1 equation, but 2"),
        ("exact: {u:", "exact: {v:", 9, "exact has an expression for each of u"),
        ("exp(-a", "exp(-u*a", 9, "unknown name 'u'"),
        ("{a: 0.1}", "{a: {fit: [0, 1]}}", 3, "parameter a is a number"),
        ("{a: 0.1}", "{u_1: 0.1}", 3, "no underscore"),
        ("{a: 0.1}", "{u: 0.1}", 1, "'u' names two things"),
        ("{a: 0.1}", "{e: 0.1}", 3, "has a meaning in expressions"),
        ("x: [0, 1]", "x: [1, 0]", 2, "x needs two numbers, the lower first"),
        ("parameters", "paramters", 3, "did you mean 'parameters'"),
    ],
)
def test_mistakes_name_their_line_and_the_cure(old: str, new: str, line: int, cause: str) -> None:
    with pytest.raises(DataError) as caught:
        _read(_changed(old, new))
    assert f"p.yaml, line {line}: " in str(caught.value)
    assert cause in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    text = _changed("a*u_xx", "b*u_xx").replace("u = cos(pi*x)", "u = cos(pi*z)")
    with pytest.raises(DataError) as caught:
        _read(text)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "p.yaml, line 4",
        "p.yaml, line 6",
    ]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("unknowns: [u]\n", "coordinates is missing; add it, as in coordinates: {x: [0, 1]"),
        ("- 1\n", "is no problem: it must have unknowns"),
        ("a: !!python/object/apply:os.system [ls]\n", "is no YAML"),
        ("a: &b [1]\nc: *b\n", "aliases are not read"),
        ("a: [", "is no YAML"),
    ],
)
def test_what_is_no_problem_is_refused(text: str, cause: str) -> None:
    with pytest.raises(DataError, match="p.yaml") as caught:
        _read(text)
    assert cause in str(caught.value)


def test_points_lie_in_the_box_and_on_the_faces() -> None:
    heat = _read(_changed("x: [0, 1]", "x: [0, 3]").replace('"x = 1"', '"x = 3"'))
    within, start, left, right = draw(heat, np.random.default_rng(0), 500, 20)
    assert within.shape == (500, 2) and start.shape == (20, 2)
    assert (within[:, 0] > 2).any() and within.max() <= 3 and within[:, 1].max() <= 1
    assert (start[:, 1] == 0).all() and (left[:, 0] == 0).all() and (right[:, 0] == 3).all()
    even = spread(heat, 128, 0)
    assert np.histogram(even[:, 0], bins=8, range=(0, 3))[0].tolist() == [16] * 8


NAMED = Path(source.__file__).parents[1] / "data" / "problems" / "named"


@pytest.mark.parametrize("name", source.NAMES)
def test_classical_solvers_solve_the_problems_that_come_along(name: str) -> None:
    problem = read_problem(NAMED / f"{name}.yaml")
    points = spread(problem, 256, 0)
    solution = solve(problem, 200)
    if solution is None:
        assert name in ("boundary-values", "helmholtz"), "of these only the exact one is known"
        return
    values = solution.values(points)
    if problem.exact:
        allowed = 8e-3 if name == "wave" else 2e-5
        np.testing.assert_allclose(values, problem.solution(points), atol=allowed)
    else:  # what Lotka and Volterra's equations conserve
        u, v = values.T
        a, b, c, d = (problem.parameters[letter] for letter in "abcd")
        kept = d * u - c * np.log(u) + b * v - a * np.log(v)
        np.testing.assert_allclose(kept, d * 3 - c * np.log(3) + b, rtol=1e-6)


def test_every_problem_that_comes_along_has_a_name() -> None:
    assert sorted(source.NAMES) == sorted(path.stem for path in NAMED.glob("*.yaml"))


def test_a_wave_with_ends_of_both_kinds() -> None:
    text = """\
unknowns: [u]
coordinates: {t: [0, 2], x: [0, 1]}
equations: ["u_tt = 4*u_xx"]
conditions:
  - {where: "t = 0", equation: "u = sin(pi*x/2)"}
  - {where: "t = 0", equation: "u_t = 0"}
  - {where: "x = 0", equation: "u = 0"}
  - {where: "x = 1", equation: "2*u_x = 0"}
exact: {u: "sin(pi*x/2)*cos(pi*t)"}
"""
    problem = _read(text)
    points = spread(problem, 256, 0)
    solution = solve(problem, 100)
    assert solution is not None
    np.testing.assert_allclose(solution.values(points), problem.solution(points), atol=3e-3)


def test_where_no_classical_solver_applies_none_is_given() -> None:
    boundary_value = """\
unknowns: [u]
coordinates: {x: [0, 1]}
equations: ["u_xx = 1"]
conditions: [{where: "x = 0", equation: "u = 0"}, {where: "x = 1", equation: "u = 0"}]
"""
    assert solve(_read(boundary_value)) is None
    not_linear = """\
unknowns: [u]
coordinates: {t: [0, 1]}
equations: ["u_t^2 = u + 1"]
conditions: [{where: "t = 0", equation: "u = 0"}]
"""
    assert solve(_read(not_linear)) is None


def test_without_a_solution_to_score_against_a_problem_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        'unknowns: [u]\ncoordinates: {x: [0, 1]}\nequations: ["u_xx = 1"]\n'
        'conditions: [{where: "x = 0", equation: "u = 0"}, {where: "x = 1", equation: "u = 0"}]\n'
    )
    with pytest.raises(DataError, match="give the solution to score against as exact"):
        source.load(source.Config(data=str(file)))
