"""Problem files: what is read, what is refused with its line, and the classical solvers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlzoo.core.errors import DataError
from mlzoo.data.problems.classical.solvers import solve
from mlzoo.data.problems.points import draw, spread
from mlzoo.data.problems.problem import Problem
from mlzoo.data.problems.reading import parse_problem, read_problem
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
        ("{a: 0.1}", "{a: {fit: [0, 1]}}", 3, "a is fitted to measurements, and there are none"),
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


INEXACT = ("burgers", "allen-cahn", "poisson-l-shape", "cavity")
"""Problems of which no exact solution is known."""


@pytest.mark.parametrize("name", [name for name in source.NAMES if name not in INEXACT])
def test_classical_solvers_solve_the_problems_that_come_along(name: str) -> None:
    problem = read_problem(NAMED / f"{name}.yaml")
    points = spread(problem, 256, 0)
    solution = solve(problem, 200)
    assert solution is not None
    values = solution.values(points)
    if problem.exact:
        allowed = {"wave": 8e-3, "helmholtz": 3e-3}.get(name, 2e-5)
        np.testing.assert_allclose(values, problem.solution(points), atol=allowed)
    else:  # what Lotka and Volterra's equations conserve
        u, v = values.T
        a, b, c, d = (problem.parameters[letter] for letter in "abcd")
        kept = d * u - c * np.log(u) + b * v - a * np.log(v)
        np.testing.assert_allclose(kept, d * 3 - c * np.log(3) + b, rtol=1e-6)


def test_the_reference_of_burgers_equation_is_that_of_cole_and_hopf() -> None:
    problem = read_problem(NAMED / "burgers.yaml")
    v = problem.parameters["v"]
    nodes, weights = np.polynomial.hermite.hermgauss(100)
    points = spread(problem, 256, 0)
    x, t = points.T
    y = x[:, None] - np.sqrt(4 * v * t)[:, None] * nodes
    kernel = np.exp(-np.cos(np.pi * y) / (2 * np.pi * v)) * weights
    exact = -(np.sin(np.pi * y) * kernel).sum(axis=1) / kernel.sum(axis=1)
    solution = solve(problem, 800)
    assert solution is not None
    error = solution.values(points)[:, 0] - exact
    assert np.linalg.norm(error) < 3e-3 * np.linalg.norm(exact)


def test_the_reference_of_an_l_has_the_known_integral() -> None:
    problem = read_problem(NAMED / "poisson-l-shape.yaml")
    solution = solve(problem, 100)
    assert solution is not None
    # The energy of this problem, 0.21407580..., that finite elements are tested with.
    integral = 3 * solution.values(spread(problem, 2048, 0)).mean()
    assert integral == pytest.approx(0.2140758, rel=5e-3)


def test_the_reference_of_allen_and_cahn_is_symmetric_and_keeps_its_phases() -> None:
    solution = solve(read_problem(NAMED / "allen-cahn.yaml"), 200)
    assert solution is not None
    points = np.array([[-1.0, 0.7], [1.0, 0.7], [0.3, 0.5], [-0.3, 0.5], [0.3, 1.0]])
    left, right, one, other, late = solution.values(points)[:, 0]
    assert left == right == pytest.approx(-1, abs=1e-4)
    assert one == pytest.approx(other, abs=1e-8) and late > one > 0


def test_every_problem_that_comes_along_has_a_name() -> None:
    assert sorted((*source.NAMES, *source.OF_FIELDS)) == sorted(
        path.stem for path in NAMED.glob("*.yaml")
    )


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
        'unknowns: [u]\ncoordinates: {t: [0, 1]}\nequations: ["u_t^2 = u + 1"]\n'
        'conditions: [{where: "t = 0", equation: "u = 0"}]\n'
    )
    with pytest.raises(DataError, match="give the solution to score against as exact"):
        source.load(source.Config(data=str(file)))


DISC = """\
unknowns: [u]
coordinates: {x: [-1, 1], y: [-1, 1]}
domain: {minus: [{disc: [0.1, 0, 0.4]}, {polygon: [[1, 1], [0.5, 1], [1, 0.5]]}]}
equations: ["u_xx + u_yy + u^3 = exp(3*x)*sin(y)^3"]
conditions:
  - {where: boundary, equation: "u = exp(x)*sin(y)"}
exact: {u: "exp(x)*sin(y)"}
"""


def test_points_of_a_domain_with_holes_lie_in_it_and_on_its_rims() -> None:
    problem = _read(DISC)
    within, *faces, disc, polygon = draw(problem, np.random.default_rng(0), 2000, 200)
    assert len(faces) == 4 and len(spread(problem, 100, 0)) == 100
    from_center = np.hypot(within[:, 0] - 0.1, within[:, 1])
    assert from_center.min() > 0.4 and (within.sum(axis=1) < 1.5).all()
    np.testing.assert_allclose(np.hypot(disc[:, 0] - 0.1, disc[:, 1]), 0.4)
    # Two of the polygon's edges lie on the box, where nothing of the domain is left.
    np.testing.assert_allclose(polygon.sum(axis=1), 1.5)
    right = faces[1]
    assert (right[:, 0] == 1).all() and right[:, 1].max() < 0.5 < right[:, 1].max() + 0.1


def test_holes_with_curved_and_slanted_rims_are_solved_to_second_order() -> None:
    problem = _read(DISC)
    points = spread(problem, 256, 0)
    exact = problem.solution(points)
    errors = []
    for cells in (40, 80):
        solution = solve(problem, cells)
        assert solution is not None
        errors.append(np.abs(solution.values(points) - exact).mean())
    assert errors[1] < 5e-5 and errors[0] / errors[1] > 3


def test_conditions_on_slopes_at_faces_of_a_plane() -> None:
    text = """\
unknowns: [u]
coordinates: {x: [0, 1], y: [0, 2]}
equations: ["u_xx + 2*u_yy - x*u_x = -3*u + (2 - x)*cos(y)*exp(x)"]
conditions:
  - {where: "x = 0", equation: "u_x = cos(y)"}
  - {where: "x = 1", equation: "u_x + u = 2*e*cos(y)"}
  - {where: "y = 0", equation: "u_y = 0"}
  - {where: "y = 2", equation: "u = exp(x)*cos(2)"}
exact: {u: "exp(x)*cos(y)"}
"""
    problem = _read(text)
    points = spread(problem, 64, 0)
    solution = solve(problem, 80)
    assert solution is not None
    np.testing.assert_allclose(solution.values(points), problem.solution(points), atol=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("boundary", '"disc 2"', 6, "or is disc 1, polygon 1 or boundary (got 'disc 2')"),
        ("[0.1, 0, 0.4]", "[0.1, 0]", 3, "a disc has x, y and a radius above 0"),
        ("[0.1, 0, 0.4]", "[0, 0, 9]", 3, "the holes leave nothing of the domain"),
        ("[0.1, 0, 0.4]", "[3, 0, 0.4]", 3, "the rim of disc 1 lies out of the box"),
        ("[1, 0.5]]", "]", 3, "a polygon has three corners or more"),
        ("{disc", "{ball", 3, "a hole is a disc or a polygon"),
        ("minus", "plus", 3, "a domain is what the box is without"),
        ("boundary", '"x = 1"', 5, "the rim of disc 1 needs 1, not 0; add one, as in"),
    ],
)
def test_mistakes_of_domains_name_their_line_and_the_cure(
    old: str, new: str, line: int, cause: str
) -> None:
    assert old in DISC
    with pytest.raises(DataError) as caught:
        _read(DISC.replace(old, new, 1))
    assert f"p.yaml, line {line}: " in str(caught.value) and cause in str(caught.value)


def test_a_condition_on_a_face_that_a_hole_covers_is_refused() -> None:
    text = DISC.replace("[[1, 1], [0.5, 1], [1, 0.5]]", "[[0.6, -2], [2, -2], [2, 2], [0.6, 2]]")
    text = text.replace("boundary", '"x = 1"')
    with pytest.raises(DataError, match="'x = 1' lies outside of the domain.*choose of x = -1"):
        _read(text)


def test_periodic_coordinates_have_no_ends() -> None:
    text = _changed("coordinates", "periodic: [x]\ncoordinates")
    with pytest.raises(DataError, match="line 8: the solution is periodic in x.*take this out"):
        _read(text)
    ends = '  - {where: "x = 0", equation: "u_x = 0"}\n  - {where: "x = 1", equation: "u_x = 0"}\n'
    text = text.replace(ends, "").replace("pi*x", "2*pi*x").replace("pi**2", "4*pi**2")
    problem = _read(text)
    points = spread(problem, 64, 0)
    solution = solve(problem, 100)
    assert solution is not None and problem.periodic == (0,)
    np.testing.assert_allclose(solution.values(points), problem.solution(points), atol=2e-3)


def test_a_reference_file_is_scored_against(tmp_path: Path) -> None:
    samples = source.load(source.Config(data="cavity"))
    test = samples.given_parts == "test"
    assert test.sum() == 512 and samples.problem is not None
    # The vortex: the least value of the stream function, about (.6164, .7344) (Ghia et al. 1982).
    least = np.argmin(samples.targets[test][:, 0])
    assert samples.targets[test][least, 0] == pytest.approx(-0.1034, abs=1e-3)
    np.testing.assert_allclose(samples.inputs[test][least], [0.6172, 0.7344], atol=0.03)
    (tmp_path / "r.csv").write_text("x,t\n0,0\n")
    file = tmp_path / "p.yaml"
    file.write_text(HEAT + "reference: r.csv\n")
    with pytest.raises(DataError, match="line 10: .*r.csv has no column of u"):
        read_problem(file)
    (tmp_path / "r.csv").write_text("x,t,u\n0,0,1\n")
    with pytest.raises(DataError, match="line 10: give exact or a reference, not both"):
        read_problem(file)
